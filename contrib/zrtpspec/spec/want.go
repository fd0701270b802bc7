package spec

import (
	"slices"
	"strings"
	"time"

	"karat/zrtp/wire"
)

// count is how many messages of a type P has sent in this call.
func (t *T) count(typ wire.Type) int {
	n := 0
	for _, m := range t.log {
		if m.typ == typ {
			n++
		}
	}
	return n
}

// sent are all messages of a type.
func (t *T) sent(typ wire.Type) []message {
	return slices.DeleteFunc(slices.Clone(t.log), func(m message) bool { return m.typ != typ })
}

// WantEnd waits for P to end the exchange with an Error of this code. Unless
// strict, an exchange that ends without a word is taken as well: what the RFC
// says with MUST is that it ends.
func (t *T) WantEnd(code wire.ErrorCode, never ...wire.Type) {
	from := len(t.log)
	t.Idle(patience)
	seen := t.log[from:]
	for _, m := range seen {
		if slices.Contains(never, m.typ) {
			t.Fail("P went on with %s", describe(m.raw))
		}
	}
	t.WantNoKeys()
	if errors := t.sent(wire.TypeError); len(errors) > 0 {
		e, err := wire.ParseError(errors[0].raw)
		t.Want(err == nil && e.Code == code, "P sent %s, not Error 0x%x", describe(errors[0].raw), uint32(code))
		return
	}
	if t.options.Strict || len(never) == 0 {
		t.Fail("no Error 0x%x came", uint32(code))
	}
	t.note, t.silent = "the exchange ended, but without an Error message", true
}

// WantNoKeys checks that P showed no secure call and sent no SRTP.
func (t *T) WantNoKeys() {
	if t.saw(SawSecure) {
		t.Fail("P says that the call is secure")
	}
	if t.count(typeSRTP) > 0 {
		t.Fail("P sends SRTP")
	}
}

// WantNever lets time pass, in which P must send none of these.
func (t *T) WantNever(d time.Duration, types ...wire.Type) {
	from := len(t.log)
	t.Idle(d)
	for _, m := range t.log[from:] {
		if slices.Contains(types, m.typ) {
			t.Fail("P sent %s", strings.TrimSpace(string(m.typ)))
		}
	}
}

// saw tells whether P has shown something.
func (t *T) saw(kind SightKind) bool {
	_, ok := t.sight(kind)
	return ok
}

func (t *T) sight(kind SightKind) (Sight, bool) {
	if t.call == nil {
		return Sight{}, false
	}
	for _, s := range t.call.Sights() {
		if s.Kind == kind {
			return s, true
		}
	}
	return Sight{}, false
}

// WantSight checks that P has shown something, and returns it.
func (t *T) WantSight(kind SightKind) Sight {
	s, ok := t.sight(kind)
	if !ok {
		t.Fail("P does not show: %s", kind)
	}
	return s
}

// WantNoSight checks that P has not shown something.
func (t *T) WantNoSight(kind SightKind) {
	if t.saw(kind) {
		t.Fail("P shows: %s", kind)
	}
}

// Want checks anything else.
func (t *T) Want(ok bool, format string, args ...any) {
	if !ok {
		t.Fail(format, args...)
	}
}
