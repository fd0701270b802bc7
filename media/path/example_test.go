package path_test

import (
	"fmt"
	"net/netip"

	"karat/media/path"
)

// One phone sends a packet to another.
func Example() {
	alice, _ := path.ListenUDP("udp4", "127.0.0.1:0")
	bob, _ := path.ListenUDP("udp4", "127.0.0.1:0")
	alice.Remote(1, bob.Local()) // as bob's SDP says
	bob.Remote(1, alice.Local())

	done := make(chan struct{})
	bob.Receive(func(class path.Class, fork path.Fork, from netip.AddrPort, b []byte) {
		fmt.Printf("fork %d sent %s\n", fork, class)
		// When the packet has proved genuine, and only then:
		bob.Authenticated(fork, from)
		close(done)
	})
	alice.Send(1, []byte{0x10, 0x00}) // the first byte of ZRTP

	<-done
	alice.Close()
	bob.Close()
	// Output: fork 1 sent ZRTP
}
