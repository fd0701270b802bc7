package wire

import (
	"errors"
	"reflect"
	"testing"
)

func TestRelayed(t *testing.T) {
	var hash [32]byte
	fill(hash[:], 1)
	for _, r := range []Relayed{
		{SAS: B32},
		{SAS: B256, SASHash: hash, Verified: true},
		{SAS: B256, SASHash: hash, AllowClear: true, Disclosure: true, Unused: 0x7fff, UndefinedFlags: 0x1f},
		{SAS: B32, SASHash: hash, Signature: make([]byte, 4*maxSignatureWords)},
	} {
		b := r.Append(nil)
		got, err := ParseRelayed(b)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%+v came back as %+v, %v", r, got, err)
		}
		for _, bad := range [][]byte{b[:len(b)-4], append(b, 0, 0, 0, 0), b[:39], nil} {
			if _, err := ParseRelayed(bad); !errors.Is(err, ErrMalformed) {
				t.Errorf("%d octets: %v", len(bad), err)
			}
		}
	}
	if (Relayed{SASHash: hash}).SASValue() != 0x01020304 {
		t.Error("the sasvalue is not the first word of the sashash")
	}
}

func FuzzParseRelayed(f *testing.F) {
	f.Add(Relayed{SAS: B32}.Append(nil))
	f.Add(Relayed{SAS: B256, Verified: true, Signature: make([]byte, 8)}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRelayed(b)
		if err != nil {
			return
		}
		if again := r.Append(nil); string(again) != string(b) {
			t.Fatalf("read  %x\nwrote %x", b, again)
		}
	})
}
