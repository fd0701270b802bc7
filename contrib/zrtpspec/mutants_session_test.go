package main

// sessionMutants are about packets, their order, timers, and how an exchange ends.
var sessionMutants = []mutant{
	{
		rule:  "a collision of SSRCs",
		file:  "zrtp/session.go",
		old:   "case p.SSRC == s.cfg.SSRC && s.state != stateFailed:",
		new:   "case false:",
		cases: []string{"4.1/1"},
	},
	{
		rule:  "T1",
		file:  "zrtp/retransmit.go",
		old:   "helloSchedule = schedule{50 *",
		new:   "helloSchedule = schedule{100 *",
		cases: []string{"6/3"},
	},
	{
		rule:  "the cap of T1",
		file:  "zrtp/retransmit.go",
		old:   "200 * time.Millisecond, 20}",
		new:   "400 * time.Millisecond, 20}",
		cases: []string{"6/3"},
	},
	{
		rule:  "T2",
		file:  "zrtp/retransmit.go",
		old:   "requestSchedule = schedule{150 *",
		new:   "requestSchedule = schedule{75 *",
		cases: []string{"6/4"},
	},
	{
		rule:  "the cap of T2",
		file:  "zrtp/retransmit.go",
		old:   "1200 * time.Millisecond, 10}",
		new:   "600 * time.Millisecond, 10}",
		cases: []string{"6/4"},
	},
	{
		rule:  "12 s of Hellos",
		file:  "zrtp/retransmit.go",
		old:   "extendedHellos = 62",
		new:   "extendedHellos = 40",
		cases: []string{"6/6"},
	},
	{
		rule:  "the CRC",
		file:  "zrtp/wire/packet.go",
		old:   "if crc(b[:end]) != binary.BigEndian.Uint32(b[end:]) {",
		new:   "if false {",
		cases: []string{"5/3"},
	},
	{
		rule:  "unused bits of the header, sent",
		file:  "zrtp/session.go",
		old:   "Unused:   unused,",
		new:   "Unused:   unused | 1,",
		cases: []string{"5/1"},
	},
	{
		rule:  "unused bits of the header, received",
		file:  "zrtp/wire/packet.go",
		old:   "b[0]>>4 == 1",
		new:   "b[0] == 0x10",
		cases: []string{"5/2"},
	},
	{
		rule:  "sequence numbers by one",
		file:  "zrtp/session.go",
		old:   `	s.sequence++`,
		new:   `	s.sequence += 2`,
		cases: []string{"5/4"},
	},
	{
		rule:  "a random first sequence number",
		file:  "zrtp/session.go",
		old:   `s.sequence = binary`,
		new:   `s.sequence = 0 * binary`,
		cases: []string{"5/5"},
	},
	{
		rule: "sequence numbers wrap",
		file: "zrtp/session.go",
		old: `case err != nil:
		return
`,
		new: `case err != nil || p.Sequence < 100:
		return
`,
		cases: []string{"5/6"},
	},
	{
		rule:  "a malformed message is doubted",
		file:  "zrtp/session.go",
		old:   "s.suspect(now, Failed{Err: protocolError(wire.CodeMalformed, err)})",
		new:   "s.fail(now, protocolError(wire.CodeMalformed, err))",
		cases: []string{"5/7"},
	},
	{
		rule:  "Ping is answered",
		file:  "zrtp/session.go",
		old:   "s.receivePing(ssrc, msg)",
		new:   "",
		cases: []string{"5.15/1", "5.15/2"},
	},
	{
		rule:  "the SSRC in PingACK",
		file:  "zrtp/failure.go",
		old:   "ReceivedSSRC: ssrc,",
		new:   "ReceivedSSRC: s.cfg.SSRC + 0*ssrc,",
		cases: []string{"5.15/1"},
	},
	{
		rule:  "the version of PingACK",
		file:  "zrtp/failure.go",
		old:   "Version:      version,",
		new:   "Version:      ping.Version,",
		cases: []string{"5.16/2"},
	},
	{
		rule:  "a supported version in PingACK",
		file:  "zrtp/failure.go",
		old:   "Version:      version,",
		new:   `Version:      "2.00",`,
		cases: []string{"5.16/1"},
	},
	{
		rule: "ErrorACK",
		file: "zrtp/failure.go",
		old: `s.transmit(wire.ErrorACK{}.Append(nil))
`,
		new:   "",
		cases: []string{"5.1.1/1", "4.7.1/1"},
	},
	{
		rule:  "an Error is doubted",
		file:  "zrtp/failure.go",
		old:   "s.suspect(now, Failed{Err: protocolError(e.Code, nil), ByPeer: true})",
		new:   "s.abandon(Failed{Err: protocolError(e.Code, nil), ByPeer: true})",
		cases: []string{"9/11"},
	},
	{
		rule:  "an Error ends the exchange",
		file:  "zrtp/failure.go",
		old:   "s.suspect(now, Failed{Err: protocolError(e.Code, nil), ByPeer: true})",
		new:   "_ = e",
		cases: []string{"4.7.1/1"},
	},
	{
		rule:  "a relayed SAS is not shown",
		file:  "zrtp/session.go",
		old:   "s.receiveSASRelay(msg)",
		new:   `s.emit(Secure{SAS: "yyyy"})`,
		cases: []string{"5.13/2", "7.3/1"},
	},
	{
		rule:  "a repeated question is answered",
		file:  "zrtp/session.go",
		old:   "if s.x.answers(msg) {",
		new:   "if false {",
		cases: []string{"6/8", "6/9"},
	},
	{
		rule:  "one source, one session",
		file:  "zrtp/session.go",
		old:   "case s.peer.met && p.SSRC != s.peer.ssrc:",
		new:   "case false:",
		cases: []string{"9/8"},
	},
	{
		rule:  "repetitions are identical",
		file:  "zrtp/session.go",
		old:   "s.transmit(s.timer.message)",
		new:   "s.transmit(append(bytes.Clone(s.timer.message[:len(s.timer.message)-1]), 0))",
		cases: []string{"6/1"},
	},
	{
		rule:  "the length field",
		file:  "zrtp/wire/message.go",
		old:   "if 4*int(m.Length) != len(msg) {",
		new:   "if false {",
		cases: []string{"5.2/15"},
	},
	{
		rule: "Hello without an announcement",
		file: "zrtp/session.go",
		old: `if s.state != stateIdle {
		return`,
		new: `if s.state != stateIdle || len(s.cfg.PeerHelloHashes) == 0 {
		return`,
		cases: []string{"8/1", "4.1.1/4"},
	},
	{
		rule: "Hello is sent",
		file: "zrtp/session.go",
		old: `if s.state != stateIdle {
		return`,
		new: `if true {
		return`,
		cases: []string{"4/1"},
	},
}
