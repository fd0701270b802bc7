package softphone

import "strings"

// bareURI is an address without a display name, parameters and brackets, for
// comparing: `"Bob" <sip:bob@example.org;transport=tls>` is
// sip:bob@example.org.
func bareURI(s string) string {
	if _, rest, found := strings.Cut(s, "<"); found {
		s, _, _ = strings.Cut(rest, ">")
	}
	s, _, _ = strings.Cut(s, ";")
	s, _, _ = strings.Cut(s, "?")
	return strings.ToLower(strings.TrimSpace(s))
}
