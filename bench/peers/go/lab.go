package main

import (
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// addressAndUp finishes one end of a cable.
func addressAndUp(handle *netlink.Handle, name, address string) netlink.Link {
	link, err := handle.LinkByName(name)
	check(err)
	parsed, err := netlink.ParseAddr(address)
	check(err)
	check(handle.AddrAdd(link, parsed))
	check(handle.LinkSetUp(link))
	return link
}

// lab: two namespaces and a cable, each end made in its place.
func lab() map[string]time.Duration {
	home, err := netns.Get()
	check(err)
	var ups, downs []time.Duration
	for i := 0; i <= again; i++ {
		start := time.Now()
		var places [2]netns.NsHandle
		var handles [2]*netlink.Handle
		for j := range places {
			places[j] = newNamespace(home)
			handles[j], err = netlink.NewHandleAt(places[j], 0)
			check(err)
		}
		check(handles[0].LinkAdd(&netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: "veth-test1", TxQLen: -1},
			PeerName:      "veth-test2",
			PeerNamespace: netlink.NsFd(places[1]),
		}))
		addressAndUp(handles[0], "veth-test1", "192.168.1.1/24")
		addressAndUp(handles[1], "veth-test2", "192.168.1.2/24")
		middle := time.Now()
		for j := range places {
			handles[j].Close()
			check(places[j].Close())
		}
		ups = append(ups, middle.Sub(start))
		downs = append(downs, time.Since(middle))
		time.Sleep(between / 5)
	}
	return map[string]time.Duration{"first": ups[0], "again": median(ups[1:]), "teardown": median(downs[1:])}
}
