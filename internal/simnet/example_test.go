package simnet_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"karat/internal/simnet"
)

// A test with two hosts and a slow link that loses the first packet. In a
// test the same stands inside synctest.Test, and takes no time.
func Example() {
	first := func(p simnet.Packet) bool { return p.Number == 1 }
	n := simnet.New(simnet.Config{Plan: simnet.Drop(first, simnet.Delay(40*time.Millisecond))})
	defer n.Close()
	alice, _ := n.Host("10.0.0.1").ListenPacket(context.Background(), "udp", ":5060")
	bob, _ := n.Host("10.0.0.2").ListenPacket(context.Background(), "udp", ":5060")

	to := netip.MustParseAddrPort("10.0.0.2:5060")
	for _, text := range []string{"INVITE", "INVITE again"} {
		alice.(*simnet.PacketConn).WriteToUDPAddrPort([]byte(text), to)
	}
	b := make([]byte, 1500)
	k, from, _ := bob.ReadFrom(b)
	fmt.Printf("%s from %s; %d lost\n", b[:k], from, n.Stats().Lost)
	// Output: INVITE again from 10.0.0.1:5060; 1 lost
}
