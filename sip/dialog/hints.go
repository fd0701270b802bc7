package dialog

import (
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Public is the address and port that the server saw a request of ours come
// from, by its response; empty: it does not say. RFC 3581, Section 4.
func Public(res *sip.Response) string {
	vias := Values(res, "Via")
	if len(vias) == 0 {
		return ""
	}
	params := trimAll(splitOutside(vias[0], ';')[1:])
	host, _ := param(params, "received")
	port, _ := param(params, "rport")
	if host == "" || port == "" {
		return ""
	}
	return host + " " + port
}

// RetryAfter is after what time a server wants to be asked again. RFC 3261,
// Section 20.33: a comment and parameters may follow the number.
func RetryAfter(res *sip.Response) (after time.Duration, ok bool) {
	digits := strings.TrimSpace(Value(res, "Retry-After"))
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	if digits == "" || len(digits) > maxDelta {
		return 0, false
	}
	var n time.Duration
	for _, d := range digits {
		n = 10*n + time.Duration(d-'0')
	}
	return n * time.Second, true
}

// maxDelta is how many digits of seconds are read: nine are 31 years.
const maxDelta = 9
