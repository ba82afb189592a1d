package main

import (
	"errors"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

func addAll(home netns.NsHandle) time.Duration {
	p := newPlace(home)
	loopbackUp(p.handle)
	start := time.Now()
	for i := 0; i < amount; i++ {
		destination := &net.IPNet{IP: net.IPv4(10, byte(i>>16), byte(i>>8), byte(i)).To4(), Mask: net.CIDRMask(32, 32)}
		check(p.handle.RouteAdd(&netlink.Route{LinkIndex: 1, Dst: destination, Scope: netlink.SCOPE_LINK}))
	}
	took := time.Since(start)
	p.handle.Close()
	check(p.ns.Close())
	return took
}

// routes: 100,000 of them, one by one; the library has no batches.
func routes() map[string]time.Duration {
	home, err := netns.Get()
	check(err)
	first := addAll(home)
	time.Sleep(between)
	return map[string]time.Duration{"first": first, "again": addAll(home)}
}

// dump: the namespace's routes as Go structs.
func dump() map[string]time.Duration {
	handle, err := netlink.NewHandle(0)
	check(err)
	var took [2]time.Duration
	for i := range took {
		start := time.Now()
		found, err := handle.RouteList(nil, netlink.FAMILY_V4)
		check(err)
		took[i] = time.Since(start)
		if len(found) < amount {
			check(errors.New("routes are missing"))
		}
	}
	return map[string]time.Duration{"first": took[0], "again": took[1]}
}

// links: the namespace's links as Go structs, over and over.
func links() map[string]time.Duration {
	handle, err := netlink.NewHandle(0)
	check(err)
	start := time.Now()
	for i := 0; i < lists; i++ {
		_, err := handle.LinkList()
		check(err)
	}
	return map[string]time.Duration{"list": time.Since(start) / lists}
}
