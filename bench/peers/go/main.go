// The peer in Go: github.com/vishvananda/netlink, the library most container tools are built on.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sort"
	"time"

	"github.com/vishvananda/netns"
)

const (
	again   = 10
	spokes  = 100
	amount  = 100000
	lists   = 1000
	between = 500 * time.Millisecond // lets the kernel finish what was torn down
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func median(values []time.Duration) time.Duration {
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// newNamespace makes a namespace and leaves the thread where it was.
func newNamespace(home netns.NsHandle) netns.NsHandle {
	ns, err := netns.New()
	check(err)
	check(netns.Set(home))
	return ns
}

func main() {
	runtime.LockOSThread() // namespaces belong to threads
	scenarios := map[string]func() map[string]time.Duration{
		"lab": lab, "star": star, "routes": routes, "dump": dump, "links": links,
	}
	if len(os.Args) < 2 || scenarios[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go-peer lab | star | routes | dump | links")
		os.Exit(2)
	}
	phases := scenarios[os.Args[1]]()
	check(json.NewEncoder(os.Stdout).Encode(phases))
}
