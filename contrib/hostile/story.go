package hostile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// always answers one method in one way, however often it is asked.
func always(name string, role Role, method string, f func(s *session, r Request)) Script {
	return Script{Name: name, Role: role, story: true, method: method, react: func(s *session, r Request) {
		if r.method == method {
			f(s, r)
			return
		}
		honest(s, r)
	}}
}

// challenges are those that nobody can or should meet.
var challenges = map[string]string{
	"empty":                      "",
	"no scheme":                  `realm="r"`,
	"Digest alone":               "Digest",
	"no nonce":                   `Digest realm="r"`,
	"no realm":                   `Digest nonce="n"`,
	"an unknown algorithm":       `Digest realm="r", nonce="n", algorithm=ROT13`,
	"an unknown qop":             `Digest realm="r", nonce="n", qop="auth-magic"`,
	"Basic":                      `Basic realm="r"`,
	"a nonce of 30,000 bytes":    `Digest realm="r", nonce="` + strings.Repeat("n", tooLong) + `"`,
	"a nonce of 8,000 bytes":     `Digest realm="r", nonce="` + strings.Repeat("n", 8000) + `"`,
	"a realm with control codes": "Digest realm=\"\x01\x1b[31m\", nonce=\"n\"",
	"quotes without end":         `Digest realm="r, nonce="n`,
	"a thousand parameters":      `Digest realm="r", nonce="n"` + strings.Repeat(", a=b", 1000),
	"an opaque of 8,000 bytes":   `Digest realm="r", nonce="n", opaque="` + strings.Repeat("o", 8000) + `"`,
}

// stories are scripts that are no spoilt message.
func stories() []Script {
	var all []Script
	for _, name := range slices.Sorted(maps.Keys(challenges)) {
		challenge := field{"WWW-Authenticate", challenges[name]}
		all = append(all,
			always("REGISTER challenged: "+name, Registering, "REGISTER", func(s *session, r Request) { s.tell(r.answer(401, "Unauthorized", challenge)) }),
			always("INVITE challenged: "+name, Calling, "INVITE", func(s *session, r Request) { s.tell(r.answer(401, "Unauthorized", challenge)) }),
		)
	}
	return append(append(all, loops()...), disorders()...)
}

// loops are answers that lead to the same question.
func loops() []Script {
	nonce := func(s *session, stale string) field {
		return field{"WWW-Authenticate", fmt.Sprintf(`Digest realm="r", nonce="n%d", algorithm=SHA-256, qop="auth"%s`, s.seen["REGISTER"], stale)}
	}
	return []Script{
		always("a new challenge each time", Registering, "REGISTER", func(s *session, r Request) { s.tell(r.answer(401, "Unauthorized", nonce(s, ""))) }),
		always("stale each time", Registering, "REGISTER", func(s *session, r Request) { s.tell(r.answer(401, "Unauthorized", nonce(s, ", stale=true"))) }),
		always("407 each time", Registering, "REGISTER", func(s *session, r Request) {
			s.tell(r.answer(407, "Proxy Authentication Required", field{"Proxy-Authenticate", nonce(s, "").value}))
		}),
		always("twenty challenges at once", Registering, "REGISTER", func(s *session, r Request) {
			m := r.answer(401, "Unauthorized")
			for range 20 {
				m = m.with(nonce(s, ""))
			}
			s.tell(m)
		}),
		always("423 that asks for more each time", Registering, "REGISTER", func(s *session, r Request) {
			s.tell(r.answer(423, "Interval Too Brief", field{"Min-Expires", fmt.Sprint(3600 << min(s.seen["REGISTER"], 40))}))
		}),
		always("423 that asks for 2^40 seconds", Registering, "REGISTER", func(s *session, r Request) {
			s.tell(r.answer(423, "Interval Too Brief", field{"Min-Expires", "1099511627776"}))
		}),
		always("registered for no time", Registering, "REGISTER", func(s *session, r Request) {
			s.tell(r.answer(200, "OK", field{"Contact", r.get("Contact") + ";expires=0"}))
		}),
		always("registered for a second", Registering, "REGISTER", func(s *session, r Request) {
			s.tell(r.answer(200, "OK", field{"Contact", r.get("Contact") + ";expires=1"}))
		}),
		always("registered for ever", Registering, "REGISTER", func(s *session, r Request) {
			s.tell(r.answer(200, "OK", field{"Contact", r.get("Contact") + ";expires=99999999999999999999"}))
		}),
		always("503 with no Retry-After", Registering, "REGISTER", func(s *session, r Request) { s.tell(r.answer(503, "Unavailable")) }),
		always("503, come back at once", Registering, "REGISTER", func(s *session, r Request) {
			s.tell(r.answer(503, "Unavailable", field{"Retry-After", "0"}))
		}),
		always("503, come back in 10^20 seconds", Registering, "REGISTER", func(s *session, r Request) {
			s.tell(r.answer(503, "Unavailable", field{"Retry-After", "100000000000000000000"}))
		}),
		always("302 to itself", Calling, "INVITE", func(s *session, r Request) { s.tell(r.answer(302, "Moved", s.contact())) }),
		always("302 to where it was called", Calling, "INVITE", func(s *session, r Request) {
			s.tell(r.answer(302, "Moved", field{"Contact", "<" + r.uri + ">"}))
		}),
		always("300 to a thousand", Calling, "INVITE", func(s *session, r Request) {
			m := r.answer(300, "Choose")
			for i := range 1000 {
				m = m.with(field{"Contact", fmt.Sprintf("<sip:%d@10.0.0.1>", i)})
			}
			s.tell(m)
		}),
		always("301 to all in one field", Calling, "INVITE", func(s *session, r Request) {
			s.tell(r.answer(301, "Moved", field{"Contact", strings.TrimSuffix(strings.Repeat("<sip:a@10.0.0.1>, ", 700), ", ")}))
		}),
		always("305", Calling, "INVITE", func(s *session, r Request) { s.tell(r.answer(305, "Use Proxy", s.contact())) }),
		always("380 without a Contact", Calling, "INVITE", func(s *session, r Request) { s.tell(r.answer(380, "Other")) }),
		always("302 to REGISTER", Registering, "REGISTER", func(s *session, r Request) { s.tell(r.answer(302, "Moved", s.contact())) }),
		always("422 each time", Calling, "INVITE", func(s *session, r Request) { s.tell(r.answer(422, "Too Small", field{"Min-SE", "4294967296"})) }),
		always("491 each time", Calling, "INVITE", func(s *session, r Request) { s.tell(r.answer(491, "Pending")) }),
		always("494 each time", Calling, "INVITE", func(s *session, r Request) { s.tell(r.answer(494, "Agree", field{"Security-Server", "x"})) }),
		always("699", Calling, "INVITE", func(s *session, r Request) { s.tell(r.answer(699, "No")) }),
	}
}

// disorders are messages at the wrong time, or too many.
func disorders() []Script {
	return []Script{
		always("10,000 times 100", Calling, "INVITE", func(s *session, r Request) { s.flood(10_000, r.answer(100, "Trying")) }),
		always("10,000 times 180", Calling, "INVITE", func(s *session, r Request) { s.flood(10_000, r.answer(180, "Ringing", s.contact())) }),
		always("10,000 forks", Calling, "INVITE", func(s *session, r Request) {
			for i := range 10_000 {
				m := r.answer(183, "Progress", s.contact()).withSDP()
				s.tell(m.set("To", fmt.Sprintf("%s%d", m.get("To"), i)))
				s.breathe(i)
			}
		}),
		always("100 for ever, one a second", Calling, "INVITE", func(s *session, r Request) { s.drip(300, r.answer(100, "Trying")) }),
		always("180 for ever, one a second", Calling, "INVITE", func(s *session, r Request) { s.drip(300, r.answer(180, "Ringing", s.contact())) }),
		always("180, and then nothing", Calling, "INVITE", func(s *session, r Request) { s.tell(r.answer(180, "Ringing", s.contact())) }),
		always("200 a thousand times", Calling, "INVITE", func(s *session, r Request) { s.flood(1000, r.answer(200, "OK", s.contact()).withSDP()) }),
		always("486 a thousand times", Calling, "INVITE", func(s *session, r Request) { s.flood(1000, r.answer(486, "Busy")) }),
		always("a hundred phones answer", Calling, "INVITE", func(s *session, r Request) {
			for i := range 100 {
				m := r.answer(200, "OK", s.contact()).withSDP()
				s.tell(m.set("To", fmt.Sprintf("%s%d", m.get("To"), i)))
			}
		}),
		always("200, then 486", Calling, "INVITE", func(s *session, r Request) {
			s.tell(r.answer(200, "OK", s.contact()).withSDP())
			s.tell(r.answer(486, "Busy"))
		}),
		always("486, then 200", Calling, "INVITE", func(s *session, r Request) {
			s.tell(r.answer(486, "Busy"))
			s.tell(r.answer(200, "OK", s.contact()).withSDP())
		}),
		always("200, then 183", Calling, "INVITE", func(s *session, r Request) {
			s.tell(r.answer(200, "OK", s.contact()).withSDP())
			s.tell(r.answer(183, "Progress", s.contact()).withSDP())
		}),
		always("BYE before any answer", Calling, "INVITE", func(s *session, r Request) {
			s.tell(s.within("BYE", 1))
			honest(s, r)
		}),
		always("BYE before the ACK", Calling, "INVITE", func(s *session, r Request) {
			s.tell(r.answer(200, "OK", s.contact()).withSDP())
			s.tell(s.within("BYE", 1))
		}),
		always("BYE, and the call goes on", Calling, "ACK", func(s *session, _ Request) {
			for i := range 50 {
				s.tell(s.within("BYE", 1+i))
				s.tell(s.within("INVITE", 100+i).withSDP())
			}
		}),
		always("a thousand re-INVITEs", Calling, "ACK", func(s *session, _ Request) {
			for i := range 1000 {
				s.tell(s.within("INVITE", 1+i).withSDP())
				s.breathe(i)
			}
		}),
		always("a thousand requests without a name", Calling, "ACK", func(s *session, _ Request) {
			for i := range 1000 {
				s.tell(s.within("BREW", 1+i))
				s.breathe(i)
			}
		}),
		always("numbers that go backwards", Calling, "ACK", func(s *session, _ Request) {
			for i := range 50 {
				s.tell(s.within("UPDATE", 1000-i).withSDP())
			}
		}),
		always("RSeq that goes backwards", Calling, "INVITE", func(s *session, r Request) {
			for i := range 50 {
				s.tell(r.answer(183, "Progress", s.contact(), field{"Require", "100rel"}, field{"RSeq", fmt.Sprint(1000 - i)}).withSDP())
			}
			later(s, r)
		}),
		always("RSeq beyond 32 bits", Calling, "INVITE", func(s *session, r Request) {
			s.tell(r.answer(183, "Progress", s.contact(), field{"Require", "100rel"}, field{"RSeq", "99999999999"}).withSDP())
			later(s, r)
		}),
		always("nothing to BYE", Calling, "BYE", func(*session, Request) {}),
		always("401 to BYE", Calling, "BYE", func(s *session, r Request) { s.tell(r.answer(401, "Unauthorized", challenge)) }),
		always("100 to BYE for ever", Calling, "BYE", func(s *session, r Request) { s.drip(100, r.answer(100, "Trying")) }),
		always("session timers of a second", Calling, "INVITE", func(s *session, r Request) {
			s.tell(r.answer(200, "OK", s.contact(), field{"Session-Expires", "1;refresher=uac"}, field{"Require", "timer"}).withSDP())
		}),
		always("session timers of 2^64 seconds", Calling, "INVITE", func(s *session, r Request) {
			s.tell(r.answer(200, "OK", s.contact(), field{"Session-Expires", "18446744073709551616;refresher=uas"}).withSDP())
		}),
		calledBy("a thousand INVITEs", func(s *session) {
			for i := range 1000 {
				s.tell(s.calls(fmt.Sprint("flood", i)))
				s.breathe(i)
			}
		}),
		calledBy("a CANCEL of nothing", func(s *session) {
			m := s.calls("x")
			m.start = strings.Replace(m.start, "INVITE", "CANCEL", 1)
			s.tell(m.set("CSeq", "1 CANCEL"))
		}),
		calledBy("answers to nothing", func(s *session) {
			r, _ := parse(s.calls("x").bytes())
			for code := 100; code < 700; code += 7 {
				s.tell(r.answer(code, "Well"))
			}
		}),
		calledBy("a thousand keep-alives", func(s *session) {
			for i := range 1000 {
				s.send([]byte("\r\n\r\n"))
				s.breathe(i)
			}
		}),
		calledBy("a thousand datagrams of noise", func(s *session) {
			for i := range 1000 {
				noise := make([]byte, 1+i)
				for j := range noise {
					noise[j] = byte(i*j + j>>3)
				}
				s.send(noise)
				s.breathe(i)
			}
		}),
	}
}

func calledBy(name string, f func(s *session)) Script {
	return Script{Name: name, Role: Called, story: true, begin: f, react: func(*session, Request) {}}
}

// flood sends a message n times.
func (s *session) flood(n int, m message) {
	b := m.bytes()
	for i := range n {
		s.send(b)
		s.breathe(i)
	}
}

// breathe lets queues empty now and then: what is lost there reaches no phone.
func (s *session) breathe(i int) {
	if i%100 == 99 {
		s.sleep(10 * time.Millisecond)
	}
}

// drip sends a message once a second.
func (s *session) drip(n int, m message) {
	for range n {
		s.tell(m)
		s.sleep(time.Second)
	}
}
