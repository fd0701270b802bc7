package sip

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

// refuse is the answer to a request that the guard holds back, so that its sender
// need not repeat it and wait: 505 for another version of SIP, 501 for a method
// that is none, 416 for an address of another kind, 400 for the rest. It is nil where no answer is due, or none can
// be made: to responses, to an ACK, and to what has no Via to answer by.
//
// There is no transaction for it: the same request gets the same answer (RFC
// 3261, Section 8.2.7). The answer repeats the sender's fields and adds little, so
// nobody gains by having it sent to somebody else.
func refuse(raw []byte, src netip.AddrPort) *sip.Response {
	head, _, _ := strings.Cut(string(raw[:min(len(raw), maxMessage)]), "\r\n\r\n")
	start, rest, _ := strings.Cut(head, "\r\n")
	words := strings.Fields(start)
	if len(words) < 3 || !token(words[0]) || words[0] == "ACK" || !printable(start) {
		return nil
	}
	version := words[len(words)-1]
	if !strings.HasPrefix(strings.ToUpper(version), "SIP/") {
		return nil
	}
	fields, err := splitFields(rest)
	if err != nil {
		return nil
	}
	req := sip.NewRequest(sip.RequestMethod(words[0]), sip.Uri{Scheme: "sip", Host: nobody})
	req.AppendHeader(sip.NewHeader(dialog.SourceHeader, src.String()))
	vias := 0
	for _, f := range fields {
		// Of what may be there once the first counts; nothing else is repeated.
		once := f.Name == "From" || f.Name == "To" || f.Name == "Call-ID" || f.Name == "CSeq"
		if !printable(f.Value) || f.Name != "Via" && (!once || dialog.Value(req, f.Name) != "") {
			continue
		}
		req.AppendHeader(sip.NewHeader(f.Name, f.Value))
		if f.Name == "Via" {
			vias++
		}
	}
	if vias == 0 || dialog.Value(req, "CSeq") == "" {
		return nil
	}
	sum := sha256.Sum256(raw)
	r := dialog.Reply{Code: 400, ToTag: hex.EncodeToString(sum[:identifierSize])}
	scheme, _, _ := strings.Cut(words[1], ":")
	switch {
	case words[0] != strings.ToUpper(words[0]) && len(words) == 3 && strings.EqualFold(version, "SIP/2.0"):
		// RFC 3261, Section 7.1: methods are case-sensitive; all that we know are in
		// capitals.
		r.Code, r.Extra = 501, []dialog.Field{{Name: "Allow", Value: dialog.Allow}}
	case !strings.EqualFold(version, "SIP/2.0"):
		r.Code = 505
	case len(words) == 3 && token(scheme) && !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips"):
		r.Code = 416
	}
	return r.Build(req)
}

// oldBranch begins the branches that the guard gives to requests of RFC 2543,
// which have none, so that one transaction layer can tell them apart.
const oldBranch = dialog.OldBranch

// withBranch gives a request whose top Via has no branch of RFC 3261 one that is
// the same for all that belong to its transaction. RFC 3261, Section 17.2.3: it
// is made of the Request-URI, From-tag, Call-ID, the number of CSeq and the top
// Via; what stood there comes back in the answer.
func withBranch(fields []dialog.Field, uri string) {
	top := -1
	id := []string{uri}
	for i, f := range fields {
		switch f.Name {
		case "Via":
			if top < 0 {
				top = i
				id = append(id, f.Value)
			}
		case "From":
			id = append(id, dialog.Tag(f.Value))
		case "Call-ID":
			id = append(id, f.Value)
		case "CSeq":
			number, _, _ := strings.Cut(f.Value, " ")
			id = append(id, number)
		}
	}
	if top < 0 {
		return
	}
	sum := sha256.Sum256([]byte(strings.Join(id, "\x00")))
	fields[top].Value = dialog.ReplaceBranch(fields[top].Value, oldBranch+hex.EncodeToString(sum[:identifierSize]))
}
