package zrtp

import (
	"errors"
	"testing"

	"karat/zrtp/wire"
)

// An error is a sentence, and its cause can be asked for.
func TestProtocolError(t *testing.T) {
	err := error(protocolError(wire.CodeHelloMismatch, ErrHelloHash))
	want := "zrtp: Hello components mismatch (error 0x40): zrtp: the Hello is not the one that was announced in signalling"
	if err.Error() != want || !errors.Is(err, ErrHelloHash) {
		t.Errorf("%q, want %q", err, want)
	}
	if text := protocolError(wire.CodeEqualZIDs, nil).Error(); text != "zrtp: equal ZIDs in Hello (error 0x90)" {
		t.Errorf("without a cause: %q", text)
	}
}

// Every state and role has a name of its own.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for s := stateIdle; s <= stateClosed; s++ {
		seen[s.String()] = true
	}
	for r := RoleUnknown; r <= Responder; r++ {
		seen[r.String()] = true
	}
	if len(seen) != int(stateClosed)+1+int(Responder)+1 || seen["unknown"] {
		t.Errorf("names %v", seen)
	}
}
