package offer

import (
	"fmt"
	"strconv"
	"strings"
)

// tidy makes a text that pion/sdp reads out of what phones send, and returns
// its m= lines as they stood. pion refuses the whole description for one m= line
// of a kind or protocol it does not know (m=image 4000 udptl t38, common in
// gateways), for lines out of order, and for a missing end of line; RFC 3264,
// Section 6 wants such streams refused one by one.
func tidy(text string) (string, []Media, error) {
	var out sections
	var media []Media
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, "\r \t\x00")
		switch {
		case line == "":
		case len(line) < 2 || line[1] != '=':
			return "", nil, fmt.Errorf("%w: a line is not of the form x=…", ErrSyntax)
		case line[0] == 'm':
			m, err := parseMedia(line[2:])
			if err != nil {
				return "", nil, err
			}
			if media = append(media, m); len(media) > maxMedia {
				return "", nil, fmt.Errorf("%w: it has more than %d streams", ErrSyntax, maxMedia)
			}
			out.media(m)
		default:
			out.line(line)
		}
	}
	return out.text(), media, nil
}

// parseMedia reads "audio 40000 RTP/AVP 96 101".
func parseMedia(s string) (Media, error) {
	f := strings.Fields(s)
	if len(f) < 4 {
		return Media{}, fmt.Errorf("%w: an m= line lacks a field", ErrSyntax)
	}
	first, _, _ := strings.Cut(f[1], "/") // RFC 8866, Section 5.14: port "/" number of ports
	port, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return Media{}, fmt.Errorf("%w: an m= line has no port", ErrSyntax)
	}
	return Media{Kind: f[0], Protocol: f[2], Port: int(port), Formats: f[3:]}, nil
}

// sections collects the lines that we read, session first, in the order that
// RFC 8866, Section 5 demands.
type sections struct {
	version, origin, name, time string
	session                     section
	streams                     []section
}

// section is the session, or one stream.
type section struct {
	m, c       string
	attributes []string
}

// media begins a stream; pion needs to know of it only that it is there.
func (s *sections) media(m Media) {
	line := fmt.Sprintf("m=audio %d RTP/AVP 0", m.Port)
	s.streams = append(s.streams, section{m: line})
}

// line sorts a line in; the first of its kind counts, and what we do not read
// (i=, u=, e=, p=, b=, k=, r=, z=) is left out.
func (s *sections) line(line string) {
	in := &s.session
	if n := len(s.streams); n > 0 {
		in = &s.streams[n-1]
	}
	switch line[0] {
	case 'v':
		keep(&s.version, line)
	case 'o':
		keep(&s.origin, line)
	case 's':
		keep(&s.name, line)
	case 't':
		keep(&s.time, line)
	case 'c':
		// RFC 8866, Section 5.7 allows several in a stream, for multicast layers.
		before, _, _ := strings.Cut(line, "/")
		keep(&in.c, before)
	case 'a':
		in.attributes = append(in.attributes, line)
	}
}

func keep(where *string, line string) {
	if *where == "" {
		*where = line
	}
}

func (s *sections) text() string {
	var b strings.Builder
	add := func(lines ...string) {
		for _, l := range lines {
			if l != "" {
				b.WriteString(l)
				b.WriteString("\r\n")
			}
		}
	}
	add(s.version, s.origin, s.name, s.session.c, s.time)
	add(s.session.attributes...)
	for _, m := range s.streams {
		add(m.m, m.c)
		add(m.attributes...)
	}
	return b.String()
}
