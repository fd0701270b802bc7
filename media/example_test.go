package media_test

import (
	"fmt"
	"net/netip"

	"karat/media"
	"karat/media/device"
	"karat/media/path"
)

// The life of a stream, seen from the caller. The other phone runs the same
// code with the keys turned round.
func Example() {
	p, _ := path.ListenUDP("udp4", "127.0.0.1:0") // its Local goes into the offer
	d, _ := device.Open("tone:440", "null", device.Options{})
	s, _ := media.New(media.Config{Path: p, Device: d, SSRC: 0x5EC4E7})
	p.Receive(func(class path.Class, fork path.Fork, from netip.AddrPort, b []byte) {
		if class == path.RTP { // ZRTP and STUN go elsewhere
			s.HandleRTP(fork, from, b)
		}
	})
	p.Remote(1, netip.MustParseAddrPort("127.0.0.1:9")) // as the answer says

	fmt.Println("before the keys:", s.Start(1))

	k, _ := keys(32, 80) // agreed by ZRTP
	fmt.Println("keys:", s.ArmReceive(k, media.Parameters{SendPT: 96, ReceivePT: 96, RTCPMux: true}))
	p.Select(1) // the one who answered
	fmt.Println("policy is met:", s.Start(1))
	s.SetMuted(false) // muted until then

	s.Stop() // at once: not one more packet leaves
	fmt.Println("closed:", s.Close(), p.Close())
	// Output:
	// before the keys: media: no keys yet, nothing can be sent
	// keys: <nil>
	// policy is met: <nil>
	// closed: <nil> <nil>
}
