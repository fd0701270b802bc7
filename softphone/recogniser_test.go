package softphone

import (
	"encoding/hex"
	"testing"

	"karat/softphone/request"
)

// TestHelloTemplateIsFixed: what a contact's phone computes of our Hello. When this
// fails, Hellos have changed, and Karats of before and after do not recognise each
// other: helloVersion has to rise, and the Hello of before to be accepted beside it.
func TestHelloTemplateIsFixed(t *testing.T) {
	r, err := newRecogniser(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = "ae3dad9a8cd7fd5284efea1cfe85ebd68e3900cda75d9023775e959dedbc37df"
	hash := r.template.Hash([32]byte{1, 2, 3}, [request.ZIDLen]byte{4, 5, 6})
	if got := hex.EncodeToString(hash[:]); got != want || r.template.Name != 1 {
		t.Errorf("template %d: %s, want %s of 1", r.template.Name, got, want)
	}
}
