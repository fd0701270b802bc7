package wire

import (
	"strings"
	"testing"
)

func TestError(t *testing.T) {
	e := Error{Code: CodeGoClearRefused}
	b := e.Append(nil)
	if len(b) != 4*4 || b[14] != 1 || b[15] != 0 {
		t.Errorf("wrote %x", b)
	}
	if got, err := ParseError(b); err != nil || got != e {
		t.Errorf("read %+v, %v", got, err)
	}
	testRefusals(t, b, func(b []byte) error { _, err := ParseError(b); return err })
}

// RFC 6189, Table 8: each code has a meaning, and any other still prints.
func TestErrorCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []ErrorCode{
		0x10, 0x20, 0x30, 0x40, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56,
		0x61, 0x62, 0x63, 0x70, 0x80, 0x90, 0x91, 0xa0, 0xb0, 0x100,
	} {
		if text := c.String(); strings.HasPrefix(text, "error code") || seen[text] {
			t.Errorf("%#x prints %q", uint32(c), text)
		} else {
			seen[text] = true
		}
	}
	if text := ErrorCode(0x77).String(); text != "error code 0x77" {
		t.Errorf("an unknown code prints %q", text)
	}
}
