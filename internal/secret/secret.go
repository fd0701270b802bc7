// Package secret holds bytes that must not be printed, logged, serialised by
// accident, or compared in variable time: keys, retained secrets, passwords.
//
// Go may keep copies of a slice that it moved (growing, stack copies); Wipe
// clears the one copy that this package owns.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

// Bytes is a secret. The zero value is the absent secret. Copies of the value
// share the memory, so one Wipe wipes them all.
type Bytes struct {
	_ [0]func() // not comparable with ==: use Equal
	b []byte
}

// Own makes a secret of b and takes b over: the caller must not use it again.
func Own(b []byte) Bytes { return Bytes{b: b} }

// Copy makes a secret of a copy of b.
func Copy(b []byte) Bytes { return Bytes{b: append([]byte(nil), b...)} }

// Expose returns the bytes themselves, for the one call that needs them.
func (s Bytes) Expose() []byte { return s.b }

// Len is the number of bytes.
func (s Bytes) Len() int { return len(s.b) }

// Present tells whether there is a secret at all.
func (s Bytes) Present() bool { return len(s.b) > 0 }

// Clone returns a secret with memory of its own.
func (s Bytes) Clone() Bytes { return Copy(s.b) }

// Equal compares in constant time (for equal lengths). Absent secrets equal
// nothing, not even each other.
func (s Bytes) Equal(o Bytes) bool {
	return len(s.b) > 0 && subtle.ConstantTimeCompare(s.b, o.b) == 1
}

// Wipe clears the memory of the secret and of all its copies.
func (s Bytes) Wipe() { clear(s.b) }

// Format keeps the bytes out of every fmt verb.
func (s Bytes) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[secret %d bytes]", len(s.b)) }

// LogValue keeps the bytes out of logs.
func (s Bytes) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// errSerialised is returned where an encoder would write the secret out.
var errSerialised = errors.New("secret: a secret does not serialise; Expose it where it is sealed")

// MarshalText fails: text encoders must not write a secret.
func (s Bytes) MarshalText() ([]byte, error) { return nil, errSerialised }

// MarshalJSON fails: JSON must not hold a secret.
func (s Bytes) MarshalJSON() ([]byte, error) { return nil, errSerialised }

// GobEncode fails.
func (s Bytes) GobEncode() ([]byte, error) { return nil, errSerialised }
