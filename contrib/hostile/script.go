package hostile

import (
	"fmt"
	"time"
)

// Role is what the phone is doing when it meets the server.
type Role int

// What a phone does.
const (
	// Calling: it calls the server, without an account.
	Calling Role = iota
	// Registering: it has an account there.
	Registering
	// Called: the server calls it.
	Called
)

// Script is one server.
type Script struct {
	Name string
	Role Role
	// Stream: it is for a connection; else for datagrams.
	Stream bool
	// story: it is no message of which one thing is wrong.
	story bool
	// method is of the phone's request that is answered wrongly.
	method string
	// begin is done when the phone is there, react for each of its requests.
	begin func(s *session)
	react func(s *session, r Request)
}

// session is one run of a script.
type session struct {
	send  func(b []byte)
	sleep func(d time.Duration)
	local string // the server's address
	peer  string // the phone's
	// seen counts the phone's requests by their method.
	seen map[string]int
	// invite is the phone's INVITE, and dialog a request of the server within its call.
	invite Request
}

// tell sends a message as it is.
func (s *session) tell(m message) { s.send(m.bytes()) }

// scene is an honest exchange of which one message is spoilt.
type scene struct {
	name   string
	role   Role
	method string // of the request that it answers, or that it is
	// honest is the message; before and after are those around it.
	honest        func(s *session, r Request) message
	before, after func(s *session, r Request)
}

// Scripts is the table.
func Scripts() []Script {
	var all []Script
	for _, sc := range scenes() {
		for _, m := range mutations() {
			all = append(all, sc.spoilt(m))
		}
	}
	return append(append(all, stories()...), streams()...)
}

// spoilt is the script in which that message is.
func (sc scene) spoilt(m mutation) Script {
	spoil := func(s *session, r Request) {
		if sc.before != nil {
			sc.before(s, r)
		}
		for _, b := range m.make(sc.honest(s, r)) {
			s.send(b)
		}
		if sc.after != nil {
			sc.after(s, r)
		}
	}
	script := Script{Name: sc.name + ", " + m.name, Role: sc.role, method: sc.method, react: honest}
	if sc.role == Called {
		script.begin = func(s *session) { spoil(s, Request{}) }
		return script
	}
	script.react = func(s *session, r Request) {
		if r.method == sc.method {
			spoil(s, r)
			return
		}
		honest(s, r)
	}
	return script
}

// contact is the server's.
func (s *session) contact() field { return field{"Contact", "<sip:server@" + s.local + ">"} }

// honest answers as a phone does.
func honest(s *session, r Request) {
	switch r.method {
	case "REGISTER":
		s.tell(s.registered(r))
	case "INVITE":
		s.tell(r.answer(100, "Trying"))
		s.tell(r.answer(180, "Ringing", s.contact()))
		s.tell(r.answer(200, "OK", s.contact()).withSDP())
	case "CANCEL":
		s.tell(r.answer(200, "OK"))
		if s.invite.method != "" {
			s.tell(s.invite.answer(487, "Request Terminated"))
		}
	case "ACK":
	default:
		s.tell(r.answer(200, "OK"))
	}
}

func (s *session) registered(r Request) message {
	return r.answer(200, "OK", field{"Contact", r.get("Contact") + ";expires=3600"})
}

// later answers honestly after a while.
func later(s *session, r Request) {
	s.sleep(time.Second)
	s.tell(r.answer(200, "OK", s.contact()).withSDP())
}

// challenge is one that can be met.
var challenge = field{"WWW-Authenticate", `Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"`}

// answering is a scene in which an answer is spoilt.
func answering(name string, role Role, method string, after func(*session, Request), honest func(s *session, r Request) message) scene {
	return scene{name: name, role: role, method: method, honest: honest, after: after}
}

// scenes are the honest messages.
func scenes() []scene {
	return []scene{
		answering("180", Calling, "INVITE", later, func(s *session, r Request) message { return r.answer(180, "Ringing", s.contact()) }),
		answering("183 with SDP", Calling, "INVITE", later, func(s *session, r Request) message {
			return r.answer(183, "Progress", s.contact(), field{"Require", "100rel"}, field{"RSeq", "1"}).withSDP()
		}),
		answering("200 to INVITE", Calling, "INVITE", nil, func(s *session, r Request) message { return r.answer(200, "OK", s.contact()).withSDP() }),
		answering("302", Calling, "INVITE", nil, func(s *session, r Request) message { return r.answer(302, "Moved", s.contact()) }),
		answering("486", Calling, "INVITE", nil, func(_ *session, r Request) message { return r.answer(486, "Busy") }),
		answering("401 to INVITE", Calling, "INVITE", nil, func(_ *session, r Request) message { return r.answer(401, "Unauthorized", challenge) }),
		answering("200 to BYE", Calling, "BYE", nil, func(_ *session, r Request) message { return r.answer(200, "OK") }),
		answering("BYE within the call", Calling, "ACK", nil, func(s *session, _ Request) message { return s.within("BYE", 1) }),
		answering("re-INVITE within the call", Calling, "ACK", nil, func(s *session, _ Request) message { return s.within("INVITE", 1).withSDP() }),
		answering("200 to REGISTER", Registering, "REGISTER", nil, func(s *session, r Request) message { return s.registered(r) }),
		answering("401 to REGISTER", Registering, "REGISTER", nil, func(_ *session, r Request) message { return r.answer(401, "Unauthorized", challenge) }),
		answering("423 to REGISTER", Registering, "REGISTER", nil, func(_ *session, r Request) message {
			return r.answer(423, "Interval Too Brief", field{"Min-Expires", "7200"})
		}),
		answering("an INVITE", Called, "INVITE", nil, func(s *session, _ Request) message { return s.calls("one") }),
	}
}

// within is a request of the server in the phone's call.
func (s *session) within(method string, number int) message {
	r := s.invite
	return message{start: method + " " + address(r.get("Contact")) + " SIP/2.0", fields: []field{
		{"Via", fmt.Sprintf("SIP/2.0/UDP %s;branch=z9hG4bK%s%d", s.local, method, number)},
		{"Max-Forwards", "70"},
		{"From", r.get("To") + ";tag=" + theirTag},
		{"To", r.get("From")},
		{"Call-ID", r.get("Call-ID")},
		{"CSeq", fmt.Sprintf("%d %s", number, method)},
		s.contact(),
	}}
}

// calls is an INVITE of the server.
func (s *session) calls(id string) message {
	return message{start: "INVITE sip:phone@" + s.peer + " SIP/2.0", fields: []field{
		{"Via", "SIP/2.0/UDP " + s.local + ";branch=z9hG4bK" + id},
		{"Max-Forwards", "70"},
		{"From", "<sip:server@example.org>;tag=" + id},
		{"To", "<sip:phone@example.org>"},
		{"Call-ID", id},
		{"CSeq", "1 INVITE"},
		s.contact(),
	}}.withSDP()
}
