package offer

import (
	"bytes"
	"testing"
)

// FuzzAnswer: any bytes are read or refused, and what we answer is SDP that
// says what we negotiated.
func FuzzAnswer(f *testing.F) {
	for _, text := range phoneFiles(f) {
		f.Add(text)
	}
	f.Add(Offer(local("[2001:db8::1]:40000")))
	f.Add([]byte(describing("m=image 4 udptl t38", "m=audio 4 RTP/AVPF 96 97", opus, "a=rtpmap:97 telephone-event/8000", "c=IN IP4 0.0.0.0")))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			_ = err.Error()
			return
		}
		_ = Downgrade(d, d)
		l := local("192.0.2.1:40000")
		first, n, err := Answer(d, l)
		if err != nil {
			_ = err.Error()
			return
		}
		if n.Send && !n.Remote.IsValid() {
			t.Fatalf("sends to nobody: %+v", n)
		}
		back, err := Parse(first)
		if err != nil {
			t.Fatalf("%v in our answer\n%s", err, first)
		}
		if len(back.Media) != len(d.Media) || back.VoicePT != n.ReceivePT || back.EventPT != n.EventPT || back.RTCPMux != n.RTCPMux {
			t.Fatalf("answer\n%s\nreads as %+v, negotiated %+v", first, back, n)
		}
		checkStable(t, l, first)
	})
}

// checkStable answers the answer, and that again: directions have turned twice,
// so the text must be the first.
func checkStable(t *testing.T, l Local, first []byte) {
	text := first
	for range 2 {
		d, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		text, _, err = Answer(d, l)
		if err != nil {
			t.Fatalf("%v for our answer\n%s", err, first)
		}
	}
	if !bytes.Equal(text, first) {
		t.Fatalf("answers do not settle:\n%s\nand\n%s", first, text)
	}
}
