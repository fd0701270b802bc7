package sip

import (
	"fmt"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

// firstHopLacksOutbound is 439 (RFC 5626, Section 11.6).
const firstHopLacksOutbound = 439

// maxGRUU bounds an address that a registrar gives us; real ones take a line.
const maxGRUU = 256

// instance is what tells this phone from others of the account, for providers that
// keep flows (SIP outbound, RFC 5626) or give each phone an address (GRUU, RFC 5627);
// nil: nothing does. It is made anew with each start, so that it tells no more than
// the user of Contact. The RFCs would have it last for ever: then a binding that was
// left behind is replaced at once instead of running out.
type instance struct {
	urn string

	mu sync.Mutex // guards what follows
	// noOutbound: the provider does not keep flows, and is not asked again.
	noOutbound bool
	// kept: it keeps this one.
	kept bool
	// public and temporary are the GRUUs that the registrar gave us; empty: none.
	public, temporary string
}

// newInstance makes a random one. RFC 5626, Section 4.1: a UUID URN.
func newInstance() *instance {
	id := []byte(newID())
	id[12], id[16] = '4', '8' // RFC 9562, Section 5.4: random
	return &instance{urn: fmt.Sprintf("urn:uuid:%s-%s-%s-%s-%s", id[:8], id[8:12], id[12:16], id[16:20], id[20:])}
}

// params are those of Contact in REGISTER.
func (i *instance) params() string {
	if i == nil {
		return ""
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	s := `;+sip.instance="<` + i.urn + `>"`
	if !i.noOutbound {
		s += ";reg-id=1"
	}
	return s
}

// options are what REGISTER supports.
//
// RFC 3327, Section 5.1: a proxy before the registrar may have calls come by it.
func (i *instance) options() string {
	if i == nil {
		return "path"
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.noOutbound {
		return "path, gruu"
	}
	return "path, outbound, gruu"
}

// lacking notes that the first proxy cannot keep flows, and tells whether another
// REGISTER does without. RFC 5626, Section 4.2.1 (439).
func (i *instance) lacking(code int) bool {
	if i == nil || code != firstHopLacksOutbound {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	was := i.noOutbound
	i.noOutbound = true
	return !was
}

// registered takes what the registrar says of our binding; own is its Contact.
//
// RFC 5626, Section 4.2.1: Require with outbound says that the flow is kept. RFC
// 5627, Section 4.2: an answer brings new temporary addresses, or none.
func (i *instance) registered(res *sip.Response, own dialog.Address) {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.kept = false
	for _, tag := range dialog.Values(res, "Require") {
		i.kept = i.kept || strings.EqualFold(strings.TrimSpace(tag), "outbound")
	}
	i.noOutbound = i.noOutbound || !i.kept
	i.public, i.temporary = gruu(own, "pub-gruu"), gruu(own, "temp-gruu")
}

// gruu is an address that the registrar gives us; empty: none that can be used.
func gruu(own dialog.Address, param string) string {
	s, _ := own.Param(param)
	if len(s) > maxGRUU || strings.ContainsAny(s, "<>\" ") || !printable(s) {
		return ""
	}
	if _, err := parseURI(s); err != nil {
		return ""
	}
	return s
}

// contact is the Contact of calls, where the registrar gave one: exactly as it did,
// and rather one that others cannot link to the account. usual stands otherwise.
//
// RFC 5626, Section 4.3: ob, where the flow is kept and there is no GRUU.
func (i *instance) contact(usual string) string {
	if i == nil {
		return usual
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.temporary != "":
		return "<" + i.temporary + ">"
	case i.public != "":
		return "<" + i.public + ">"
	case i.kept:
		return strings.TrimSuffix(usual, ">") + ";ob>"
	}
	return usual
}
