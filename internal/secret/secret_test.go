package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"karat/internal/secret"
)

func TestNeverPrints(t *testing.T) {
	s := secret.Own([]byte("correct horse"))
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", s, "any", struct{ S secret.Bytes }{s})
	outs := []string{fmt.Sprintf("%v %+v %#v %s %x %q %d", s, s, s, s, s, s, s), fmt.Sprintf("%+v %x", struct{ S secret.Bytes }{s}, struct{ S secret.Bytes }{s}), log.String()}
	for _, out := range outs {
		if strings.Contains(out, "horse") || strings.Contains(out, "686f727365") || strings.Contains(out, "104 111") {
			t.Errorf("the secret was printed: %s", out)
		}
	}
	if b, err := json.Marshal(s); err == nil {
		t.Errorf("json wrote %s", b)
	}
}

func TestEqual(t *testing.T) {
	a, b := secret.Copy([]byte{1, 2}), secret.Copy([]byte{1, 2})
	if !a.Equal(b) {
		t.Error("equal secrets differ")
	}
	if a.Equal(secret.Copy([]byte{1, 3})) || a.Equal(secret.Copy([]byte{1})) {
		t.Error("different secrets are equal")
	}
	if (secret.Bytes{}).Equal(secret.Bytes{}) {
		t.Error("two absent secrets must not match")
	}
}

func TestWipeReachesCopies(t *testing.T) {
	a := secret.Own([]byte{1, 2})
	b := a
	a.Wipe()
	if !bytes.Equal(b.Expose(), []byte{0, 0}) {
		t.Error("a copy survived Wipe")
	}
}
