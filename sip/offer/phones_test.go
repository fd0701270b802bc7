package offer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// phones is what we make of the descriptions in testdata/sdp.
var phones = map[string]struct {
	remote      string
	opus, event int
	hash        bool
	crypto      bool
	refusal     error
}{
	"linphone-plain-offer":          {remote: "127.0.0.1:17078", opus: 96, event: 99},
	"linphone-plain-answer":         {remote: "127.0.0.1:17178", opus: 96, event: 99},
	"linphone-zrtp-offer":           {remote: "127.0.0.1:17078", opus: 96, event: 99, hash: true},
	"linphone-zrtp-answer":          {remote: "127.0.0.1:17178", opus: 96, event: 99, hash: true},
	"linphone-zrtp-optional-offer":  {remote: "127.0.0.1:17078", opus: 96, event: 99, hash: true},
	"linphone-tls-zrtp-offer":       {remote: "127.0.0.1:17078", opus: 96, event: 99, hash: true},
	"rtpengine-zrtp-answer":         {remote: "127.0.0.1:30050", opus: 96, event: 99, hash: true},
	"linphone-sdes-optional-answer": {remote: "127.0.0.1:17178", opus: 96, event: 99, hash: true},
	"linphone-answer-to-baresip":    {remote: "127.0.0.1:17078", opus: 96, event: 101, hash: true},
	"baresip-plain-offer":           {remote: "127.0.0.1:18032", opus: 96, event: 101},
	"linphone-sdes-offer":           {refusal: ErrSDES, crypto: true},
	"linphone-sdes-answer":          {refusal: ErrSDES, crypto: true},
	"linphone-sdes-opus-offer":      {refusal: ErrSDES, crypto: true},
	"baresip-sdes-answer":           {refusal: ErrSDES, crypto: true},
	"linphone-dtls-offer":           {refusal: ErrDTLS},
	"linphone-dtls-answer":          {refusal: ErrDTLS},
}

func phoneFiles(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "sdp", "*.sdp"))
	if err != nil || len(files) == 0 {
		t.Fatal("no descriptions of phones", err)
	}
	texts := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(f), ".sdp")] = b
	}
	return texts
}

func TestPhones(t *testing.T) {
	texts := phoneFiles(t)
	if len(texts) != len(phones) {
		t.Errorf("%d files, %d expectations", len(texts), len(phones))
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			want, ok := phones[name]
			if !ok {
				t.Fatal("no expectation")
			}
			d := mustParse(t, string(text))
			if d.Crypto != want.crypto {
				t.Errorf("crypto %v", d.Crypto)
			}
			l := local("127.0.0.1:40000")
			_, answered, err := Answer(d, l)
			accepted, accepting := Accept(l, d)
			if !errors.Is(err, want.refusal) || !errors.Is(accepting, want.refusal) || want.refusal == nil && err != nil {
				t.Fatalf("answering: %v; accepting: %v; want %v", err, accepting, want.refusal)
			}
			if want.refusal != nil {
				return
			}
			for _, n := range []Negotiated{answered, accepted} {
				if n.Remote.String() != want.remote || n.VoicePT != want.opus || n.EventPT != want.event || (len(n.RemoteZRTPHashes) == 1) != want.hash || !n.Send || !n.Receive {
					t.Errorf("%+v, want %+v", n, want)
				}
			}
		})
	}
}
