package dialog

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Inadmissible returns the answer to a request that demands what we cannot do, in
// the order of RFC 3261, Section 8.2: 416 for an address that is none of SIP, 420
// for an extension, 415 for an offer in another form than SDP, 406 where our SDP
// is not wanted, 422 for a session too short. False: it demands nothing of that
// kind. The answer does not depend on what we do at the moment.
func Inadmissible(req *sip.Request, tag string) (Reply, bool) {
	// RFC 3261, Section 8.2.2.3: Require MUST NOT be used in a CANCEL or an ACK
	// and is ignored there.
	if req.Method == sip.CANCEL || req.Method == sip.ACK {
		return Reply{}, false
	}
	if scheme := strings.ToLower(req.Recipient.Scheme); scheme != "sip" && scheme != "sips" {
		return Reply{Code: 416, ToTag: tag}, true
	}
	options := slices.DeleteFunc(Values(req, "Require"), func(o string) bool {
		return slices.Contains(SplitList(Supported), strings.ToLower(o))
	})
	if len(options) > 0 {
		return Reply{Code: 420, ToTag: tag, Extra: []Field{{"Unsupported", strings.Join(options, ", ")}}}, true
	}
	if req.Method != sip.INVITE && req.Method != sip.UPDATE {
		return Reply{}, false
	}
	switch {
	case len(req.Body()) > 0 && SDP(req) == nil:
		// RFC 3261, Section 8.2.3: a 415 says what is understood.
		return Reply{Code: 415, ToTag: tag, Extra: []Field{{"Accept", sdpType}}}, true
	case !accepts(req):
		return Reply{Code: 406, ToTag: tag}, true
	}
	return tooShort(req, tag)
}

// accepts tells whether the sender takes our answers: RFC 3261, Section 20.1, no
// Accept field means SDP.
func accepts(req *sip.Request) bool {
	if len(req.GetHeaders("Accept")) == 0 {
		return true
	}
	return slices.ContainsFunc(Values(req, "Accept"), func(v string) bool {
		kind, _, _ := strings.Cut(v, ";")
		return slices.Contains([]string{sdpType, "application/*", "*/*"}, strings.ToLower(strings.TrimSpace(kind)))
	})
}
