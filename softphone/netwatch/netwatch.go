// Package netwatch tells when the addresses or routes of this machine have
// changed, and when it has slept, so that a phone can make its connections anew.
//
// On Linux the kernel says when to look (rtnetlink); elsewhere it is looked every
// two seconds. It sends nothing, and asks nobody but the kernel.
package netwatch

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"
)

// tick is the time between two looks where nothing is said, and the longest for
// which a sleep goes unnoticed after it.
const tick = 2 * time.Second

// Run calls changed for each change, one at a time, until ctx ends.
func Run(ctx context.Context, changed func(Change)) {
	pokes, stop := listen()
	defer stop()
	run(ctx, pokes, clocks, describe, changed)
}

// run is Run with its senses as arguments.
func run(ctx context.Context, pokes <-chan struct{}, clocks func() Clocks, describe func() string, changed func(Change)) {
	var t Tracker
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pokes:
		case <-timer.C:
		}
		change, again := t.Look(clocks(), describe())
		if change != nil {
			changed(*change)
		}
		if again == 0 {
			again = tick
		}
		timer.Reset(again)
	}
}

// Destinations outside (RFC 5737, RFC 3849) that show which of our addresses packets
// for the world leave from. Nothing is sent there.
var outside = []string{"192.0.2.1:9", "[2001:db8::1]:9"}

// describe is the network as far as it matters: the addresses of the interfaces
// that are up, and those that packets leave from.
func describe() string {
	var all []string
	interfaces, _ := net.Interfaces() // none is an answer, too
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			all = append(all, a.String())
		}
	}
	slices.Sort(all)
	for _, to := range outside {
		from := ""
		if c, err := net.Dial("udp", to); err == nil {
			from = c.LocalAddr().(*net.UDPAddr).IP.String()
			_ = c.Close()
		}
		all = append(all, from)
	}
	return strings.Join(all, " ")
}
