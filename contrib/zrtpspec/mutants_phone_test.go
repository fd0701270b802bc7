package main

// phoneMutants are about what the owner of an engine is to do.
var phoneMutants = []mutant{
	{
		rule: "no RTP in clear",
		file: "contrib/zrtpspec/engine_test.go",
		old: `if !c.secure {
		return`,
		new: `if !c.secure {
		c.put(append([]byte{0x80, 96}, make([]byte, 50)...))
		return`,
		cases: []string{"4/3", "4/5"},
	},
	{
		rule:  "one ZID",
		file:  "contrib/zrtpspec/engine_test.go",
		old:   `ZID:             p.zid,`,
		new:   `ZID:             zrtp.ZID([]byte(rand.Text()[:12])),`,
		cases: []string{"4.9/1", "5.16/3"},
	},
	{
		rule:  "a=zrtp-hash in signalling",
		file:  "contrib/zrtpspec/engine_test.go",
		old:   "return []string{c.hash}",
		new:   "return nil",
		cases: []string{"4/2"},
	},
	{
		rule:  "the right a=zrtp-hash",
		file:  "contrib/zrtpspec/engine_test.go",
		old:   "return []string{c.hash}",
		new:   "return []string{c.hash[:20]}",
		cases: []string{"4.1.1/1"},
	},
	{
		rule: "secrets belong to a ZID",
		file: "contrib/zrtpspec/engine_test.go",
		old: `r, ok := p.known[zid]
	return r, ok`,
		new: `for _, r := range p.known {
		return r, true
	}
	return zrtp.Retained{}, false`,
		cases: []string{"4.9/4"},
	},
	{
		rule:  "a failure is shown",
		file:  "contrib/zrtpspec/engine_test.go",
		old:   "c.show(spec.Sight{Kind: spec.SawFailed, Why: e.Err.Error()})",
		new:   "",
		cases: []string{"4.4.1.2/3", "4.4.1.3/1", "8.1/2"},
	},
	{
		rule: "a prompt HelloACK",
		file: "contrib/zrtpspec/engine_test.go",
		old:  "c.owned(func() { c.take(b) })",
		new: `time.Sleep(300 * time.Millisecond)
			c.owned(func() { c.take(b) })`,
		cases: []string{"6/5"},
	},
	{
		rule: "no media before the user confirmed clear mode",
		file: "contrib/zrtpspec/engine_test.go",
		old: `		c.secure = false
`,
		new:   ``,
		cases: []string{"4.7.2/6"},
	},
}
