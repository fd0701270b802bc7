package sip

import (
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

// What comes outside of calls and is for a person: messages in writing, and the
// provider's word on messages that wait. The answers tell nothing (dialog.Standing).

// maxWaiting bounds the messages that are believed to wait.
const maxWaiting = 9999

// hearStanding tells the owner of what came.
func (a *Agent) hearStanding(req *sip.Request) {
	switch req.Method {
	case sip.MESSAGE:
		if body, ok := dialog.PlainText(req); ok {
			a.tell(Message{From: peerName(req), Body: body})
		}
	case sip.NOTIFY:
		// Only from our own provider: anybody could send others.
		if f := a.flowOf(req); f == nil || !f.account {
			return
		}
		if m, ok := waiting(req); ok {
			a.tell(m)
		}
	default:
	}
}

// waiting reads a message summary (RFC 3842, Section 3.5):
//
//	Messages-Waiting: yes
//	Voice-Message: 2/8 (0/2)
func waiting(req *sip.Request) (MessagesWaiting, bool) {
	event, _, _ := strings.Cut(dialog.Value(req, "Event"), ";")
	kind, _, _ := strings.Cut(dialog.Value(req, "Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(event), "message-summary") ||
		!strings.EqualFold(strings.TrimSpace(kind), "application/simple-message-summary") {
		return MessagesWaiting{}, false
	}
	var m MessagesWaiting
	known := false
	for line := range strings.Lines(string(req.Body())) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "messages-waiting":
			known = true
			m.Waiting = strings.EqualFold(value, "yes")
		case "voice-message":
			counts, _, _ := strings.Cut(value, "(")
			fresh, old, _ := strings.Cut(counts, "/")
			m.New, m.Old = count(fresh), count(old)
		}
	}
	return m, known
}

// count reads a number of messages; what is none is 0.
func count(s string) int {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 31)
	if err != nil {
		return 0
	}
	return min(int(n), maxWaiting)
}
