package main

import (
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

type place struct {
	ns     netns.NsHandle
	handle *netlink.Handle
}

func newPlace(home netns.NsHandle) place {
	ns := newNamespace(home)
	handle, err := netlink.NewHandleAt(ns, 0)
	check(err)
	return place{ns, handle}
}

func loopbackUp(handle *netlink.Handle) {
	check(handle.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1}}))
}

func makeStar(home netns.NsHandle) []place {
	router := newPlace(home)
	places := []place{router}
	loopbackUp(router.handle)
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0", TxQLen: -1}}
	check(router.handle.LinkAdd(bridge))
	index := addressAndUp(router.handle, "br0", "10.0.0.1/16").Attrs().Index
	for i := 0; i < spokes; i++ {
		spoke := newPlace(home)
		places = append(places, spoke)
		check(router.handle.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{
				Name: fmt.Sprintf("port%d", i), MasterIndex: index, Flags: net.FlagUp, TxQLen: -1,
			},
			PeerName:      "eth0",
			PeerNamespace: netlink.NsFd(spoke.ns),
		}))
		loopbackUp(spoke.handle)
		eth0 := addressAndUp(spoke.handle, "eth0", fmt.Sprintf("10.0.1.%d/16", i+1))
		check(spoke.handle.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Gw: net.IPv4(10, 0, 0, 1)}))
	}
	return places
}

// star: a hundred namespaces on one bridge in a router namespace.
func star() map[string]time.Duration {
	home, err := netns.Get()
	check(err)
	var ups, downs []time.Duration
	for i := 0; i < 2; i++ {
		start := time.Now()
		places := makeStar(home)
		middle := time.Now()
		for _, p := range places {
			p.handle.Close()
			check(p.ns.Close())
		}
		ups = append(ups, middle.Sub(start))
		downs = append(downs, time.Since(middle))
		time.Sleep(between)
	}
	return map[string]time.Duration{"first": ups[0], "again": ups[1], "teardown": downs[1]}
}
