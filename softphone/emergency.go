package softphone

import (
	"errors"
	"slices"
	"strings"
)

// ErrEmergency: emergency services take plain calls only, and need to know where
// the caller is; Karat makes private calls, and hides that.
var ErrEmergency = errors.New("emergency services cannot be called with Karat: they take no private calls, and it cannot tell them where you are; use any other phone, now")

// emergencyNumbers are those of the services that most countries have.
var emergencyNumbers = []string{"112", "911", "999", "000", "110", "111", "113", "114", "115", "117", "118", "119", "122", "123", "190", "192", "193", "997", "998"}

// emergency tells whether somebody dials for help: a number alone before the @,
// or urn:service:sos (RFC 5031). A provider may have given such a number to
// somebody else; then the sentence costs a call, and nobody's life.
func emergency(target string) bool {
	uri := bareURI(target)
	if strings.HasPrefix(uri, "urn:service:sos") {
		return true
	}
	_, rest, found := strings.Cut(uri, ":")
	if !found {
		rest = uri
	}
	user, _, _ := strings.Cut(rest, "@")
	return slices.Contains(emergencyNumbers, user)
}
