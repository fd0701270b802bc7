package hostile

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// streams are scripts for a connection.
func streams() []Script {
	onInvite := func(name string, f func(s *session, r Request)) Script {
		script := always(name, Calling, "INVITE", f)
		script.Name, script.Stream = "stream: "+name, true
		return script
	}
	onRegister := func(name string, f func(s *session, r Request)) Script {
		script := always(name, Registering, "REGISTER", f)
		script.Name, script.Stream = "stream: "+name, true
		return script
	}
	ok := func(s *session, r Request) []byte { return r.answer(200, "OK", s.contact()).withSDP().bytes() }
	return []Script{
		onRegister("registered, and the end", func(s *session, r Request) {
			s.tell(s.registered(r))
			s.hangUp()
		}),
		onRegister("no answer, and the end", func(s *session, _ Request) { s.hangUp() }),
		onRegister("half an answer, and the end", func(s *session, r Request) {
			s.send(s.registered(r).bytes()[:100])
			s.hangUp()
		}),
		onRegister("registered, and newlines for ever", func(s *session, r Request) {
			s.tell(s.registered(r))
			s.pour(300, bytes.Repeat([]byte("\r\n"), 2000))
		}),
		onInvite("200 a byte at a time", func(s *session, r Request) {
			for _, b := range ok(s, r) {
				s.send([]byte{b})
				s.sleep(10 * time.Millisecond)
			}
		}),
		onInvite("200 a byte a minute", func(s *session, r Request) {
			for _, b := range ok(s, r)[:30] {
				s.send([]byte{b})
				s.sleep(time.Minute)
			}
		}),
		onInvite("bytes without a newline", func(s *session, _ Request) { s.pour(200, bytes.Repeat([]byte("a"), 10_000)) }),
		onInvite("a header without an end", func(s *session, _ Request) {
			s.send([]byte("SIP/2.0 200 OK\r\n"))
			s.pour(1000, []byte(strings.Repeat("X: y\r\n", 200)))
		}),
		onInvite("a body of two gigabytes", func(s *session, r Request) {
			s.tell(r.answer(200, "OK").set("Content-Length", "2000000000"))
			s.pour(300, make([]byte, 10_000))
		}),
		onInvite("Content-Length that is too long, then 200", func(s *session, r Request) {
			s.tell(r.answer(180, "Ringing").set("Content-Length", "100"))
			s.send(ok(s, r))
		}),
		onInvite("Content-Length that is too short, then 200", func(s *session, r Request) {
			s.tell(r.answer(183, "Progress").withSDP().set("Content-Length", "3"))
			s.send(ok(s, r))
		}),
		onInvite("no Content-Length", func(s *session, r Request) {
			b := bytes.Replace(ok(s, r), []byte("Content-Length"), []byte("X-Length"), 1)
			s.send(b)
			s.send(b)
		}),
		onInvite("newlines for ever", func(s *session, _ Request) { s.pour(300, bytes.Repeat([]byte("\r\n"), 2000)) }),
		onInvite("NUL for ever", func(s *session, _ Request) { s.pour(300, make([]byte, 10_000)) }),
		onInvite("10,000 times 180 in one breath", func(s *session, r Request) {
			s.send(bytes.Repeat(r.answer(180, "Ringing", s.contact()).bytes(), 1000))
			s.pour(9, bytes.Repeat(r.answer(180, "Ringing", s.contact()).bytes(), 1000))
		}),
		onInvite("half of 200, and the end", func(s *session, r Request) {
			b := ok(s, r)
			s.send(b[:len(b)/2])
			s.hangUp()
		}),
		onInvite("the end at once", func(s *session, _ Request) { s.hangUp() }),
		onInvite("200, and the end", func(s *session, r Request) {
			s.send(ok(s, r))
			s.hangUp()
		}),
		onInvite("another protocol", func(s *session, _ Request) {
			s.send([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"))
		}),
		onInvite("a hundred forks of 10 kB", func(s *session, r Request) {
			for i := range 100 {
				m := r.answer(183, "Progress", s.contact(), field{"X", strings.Repeat("y", 10_000)}).withSDP()
				s.tell(m.set("To", fmt.Sprintf("%s%d", m.get("To"), i)))
			}
		}),
	}
}

// pour sends bytes n times.
func (s *session) pour(n int, b []byte) {
	for range n {
		s.send(b)
		s.sleep(time.Millisecond)
	}
}

// hangUp closes the connection.
func (s *session) hangUp() { s.send(nil) }
