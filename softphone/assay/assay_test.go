package assay

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// good is a call in which everything is in order, the SAS compared included.
func good() Facts {
	return Facts{
		Outgoing: true, Offer: OfferRTP, HashSignalled: true, HashMatched: true, Secure: true,
		KeyAgreement: "X255", Hash: "S384", Cipher: "AES3", AuthTag: "HS80", SASType: "B256",
		Known: true, Continuity: true, Verified: true, PeerVerified: true,
		BestBefore: "X255", SignallingTLS: true,
	}
}

func with(f Facts, changes ...func(*Facts)) Facts {
	for _, change := range changes {
		change(&f)
	}
	return f
}

func TestAllTwelve(t *testing.T) {
	for _, f := range []Facts{{}, good()} {
		r := Assess(f)
		var got []Promise
		for _, finding := range r.Findings {
			got = append(got, finding.Promise)
		}
		if !slices.Equal(got, Promises()) || len(got) != 12 {
			t.Errorf("the promises are %v", got)
		}
	}
}

func TestNotBuiltReadsNotOffered(t *testing.T) {
	r := Assess(good())
	for _, p := range []Promise{Unnoticed, Unlinked, Anonymity, Undisclosed, SilentLeave, OffRecord, Letterbox, OwnRecord} {
		if f := r.Finding(p); f.Verdict != NotOffered || !strings.HasPrefix(f.Why, "Not built yet: ") {
			t.Errorf("%s: %s, %s", p, f.Verdict, f.Why)
		}
	}
}

// TestCalls has a call of each kind: what the first three promises read, whether
// it is private, and what the policy does with it.
func TestCalls(t *testing.T) {
	tests := []struct {
		name                            string
		facts                           Facts
		private                         bool
		dflt, participants, unforged    Verdict
		action                          Action
		says                            string // by the broken promise, and by the refusal
		whyParticipants, whyUnforgedHas string
	}{
		{name: "nothing known", action: Wait, dflt: Held, participants: Unconfirmed, unforged: Unconfirmed, whyParticipants: "not known yet"},
		{name: "compared", facts: good(), private: true, action: Allow, dflt: Held, participants: Held, unforged: Unconfirmed, whyParticipants: "not post-quantum"},
		{
			name: "compared, hybrid keys", facts: with(good(), func(f *Facts) { f.KeyAgreement = "X2M2" }),
			private: true, action: Allow, dflt: Held, participants: Held, unforged: Unconfirmed, whyParticipants: "should withstand",
		},
		{
			name: "first contact", facts: with(good(), func(f *Facts) {
				f.Known, f.Continuity, f.Verified, f.PeerVerified, f.BestBefore = false, false, false, false, ""
			}),
			private: true, action: Allow, dflt: Held, participants: Unconfirmed, unforged: Unconfirmed, whyParticipants: "first call", whyUnforgedHas: "unless somebody sits between",
		},
		{
			name: "known, never compared", facts: with(good(), func(f *Facts) { f.Verified = false }),
			private: true, action: Allow, dflt: Held, participants: Unconfirmed, unforged: Unconfirmed, whyParticipants: "earlier calls",
		},
		{
			name: "known, secrets expired", facts: with(good(), func(f *Facts) { f.Verified, f.Continuity = false, false }),
			private: true, action: Allow, dflt: Held, participants: Unconfirmed, unforged: Unconfirmed, whyParticipants: "nothing is left",
		},
		{
			name: "no hash in the signalling", facts: with(good(), func(f *Facts) { f.HashSignalled, f.HashMatched = false, false }),
			private: true, action: Allow, dflt: Held, participants: Held, unforged: Unconfirmed, whyUnforgedHas: "one check fewer",
		},
		{
			name: "offer not known", facts: with(good(), func(f *Facts) { f.Offer = OfferUnknown }),
			action: Wait, dflt: Held, participants: Held, unforged: Unconfirmed,
		},
		{
			name: "agreeing", facts: with(good(), func(f *Facts) { f.Secure = false }),
			action: Wait, dflt: Held, participants: Unconfirmed, unforged: Unconfirmed, whyParticipants: "announced that it can",
		},
		{
			name: "mismatch", facts: with(good(), func(f *Facts) { f.Mismatch = true }),
			action: Wait, dflt: Held, participants: Broken, unforged: Unconfirmed, says: "none of the secrets",
		},
		{
			name: "mismatch, compared", facts: with(good(), func(f *Facts) { f.Mismatch, f.MismatchResolved = true, true }),
			private: true, action: Allow, dflt: Held, participants: Held, unforged: Unconfirmed,
		},
		{
			name: "mismatch, other code", facts: with(good(), func(f *Facts) { f.Mismatch, f.SASDiffers = true, true }),
			action: Refuse, dflt: Held, participants: Broken, unforged: Unconfirmed, says: "different codes",
		},
		{
			name: "another name", facts: with(good(), func(f *Facts) { f.NameChanged, f.VerifiedName = true, "bob" }),
			action: Wait, dflt: Held, participants: Broken, unforged: Unconfirmed, says: "verified as “bob”",
		},
		{
			name: "plain voice", facts: Facts{Outgoing: true, Offer: OfferRTP, NoHello: true},
			action: Refuse, dflt: Held, participants: Broken, unforged: Unconfirmed, says: "stayed silent",
		},
		{
			name: "SDES", facts: Facts{Offer: OfferSDES},
			action: Refuse, dflt: Held, participants: Broken, unforged: Unconfirmed, says: "(SDES)",
		},
		{
			name: "DTLS", facts: Facts{Offer: OfferDTLS},
			action: Refuse, dflt: Held, participants: Broken, unforged: Unconfirmed, says: "(DTLS-SRTP)",
		},
		{
			name: "no audio", facts: Facts{Offer: OfferNoAudio},
			action: Refuse, dflt: Held, participants: Broken, unforged: Unconfirmed, says: "no voice",
		},
		{
			name: "wrong hash", facts: Facts{Offer: OfferRTP, HashSignalled: true, HashMismatch: true},
			action: Refuse, dflt: Held, participants: Unconfirmed, unforged: Broken, says: "exchanged",
		},
		{
			name: "hash never compared", facts: with(good(), func(f *Facts) { f.HashMatched = false }),
			action: Refuse, dflt: Held, participants: Held, unforged: Broken, says: "exchanged",
		},
		{
			name: "keys failed", facts: Facts{Offer: OfferRTP, ZRTPFailed: "no common hash."},
			action: Refuse, dflt: Held, participants: Broken, unforged: Unconfirmed, says: "(no common hash):",
		},
		{
			name: "re-INVITE to less, refused", facts: with(good(), func(f *Facts) { f.DowngradeRefused = true }),
			action: Allow, private: true, dflt: Held, participants: Held, unforged: Unconfirmed,
		},
		{
			name: "weaker than before", facts: with(good(), func(f *Facts) { f.BestBefore = "X1M1" }),
			action: Refuse, dflt: Held, participants: Held, unforged: Broken, says: "(X1M1) than this one (X255)",
		},
		{
			name: "as strong as before", facts: with(good(), func(f *Facts) { f.KeyAgreement = "DH3k" }),
			action: Allow, private: true, dflt: Held, participants: Held, unforged: Unconfirmed,
		},
		{
			name: "weaker than a newer Karat's", facts: with(good(), func(f *Facts) { f.BestBefore = "Z999" }),
			action: Refuse, dflt: Held, participants: Held, unforged: Broken, says: "(Z999)",
		},
		{
			name: "methods not trusted", facts: with(good(), func(f *Facts) { f.KeyAgreement, f.AuthTag = "DH2k", "" }),
			action: Refuse, dflt: Held, participants: Unconfirmed, unforged: Broken, says: "DH2k, S384, AES3, none named, B256",
		},
		{
			name: "keys handed on", facts: with(good(), func(f *Facts) { f.Disclosed = true }),
			action: Refuse, dflt: Held, participants: Broken, unforged: Unconfirmed, says: "somebody else",
		},
		{
			name: "one packet early", facts: with(good(), func(f *Facts) { f.VoiceBeforeSecure = 1 }),
			action: Refuse, dflt: Broken, participants: Held, unforged: Unconfirmed, says: "One voice packet left",
		},
		{
			name: "packets early", facts: with(good(), func(f *Facts) { f.VoiceBeforeSecure = 7 }),
			action: Refuse, dflt: Broken, participants: Held, unforged: Unconfirmed, says: "7 voice packets left",
		},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			r, d := Assess(c.facts), Policy{}.Check(c.facts)
			got := []Verdict{r.Finding(Default).Verdict, r.Finding(Participants).Verdict, r.Finding(Unforged).Verdict}
			if want := []Verdict{c.dflt, c.participants, c.unforged}; !slices.Equal(got, want) || r.Private != c.private {
				t.Errorf("%v, private %v; want %v, %v", got, r.Private, want, c.private)
			}
			if d.Action != c.action {
				t.Errorf("the policy says %v", d)
			}
			for _, f := range r.Findings {
				if f.Verdict == Broken && (!strings.Contains(f.Why, c.says) || d.Why != f.Why) {
					t.Errorf("%s is broken: %q; the policy: %q; want %q in both", f.Promise, f.Why, d.Why, c.says)
				}
			}
			if why := r.Finding(Participants).Why; !strings.Contains(why, c.whyParticipants) {
				t.Errorf("participants: %q", why)
			}
			if why := r.Finding(Unforged).Why; !strings.Contains(why, c.whyUnforgedHas) {
				t.Errorf("unforged: %q", why)
			}
		})
	}
}

func TestRequireVerified(t *testing.T) {
	p := Policy{RequireVerified: true}
	if d := p.Check(good()); d.Action != Allow {
		t.Errorf("compared: %v", d)
	}
	// The other end's word does not do.
	d := p.Check(with(good(), func(f *Facts) { f.Verified = false }))
	if d.Action != Refuse || !strings.Contains(d.Why, "--require-verified") {
		t.Errorf("not compared: %v", d)
	}
	if d := p.Check(Facts{Offer: OfferRTP}); d.Action != Wait {
		t.Errorf("before the keys: %v", d)
	}
}

// TestSentences: each reason is made of whole sentences, of a length that is
// read.
func TestSentences(t *testing.T) {
	for _, f := range sampleFacts() {
		for _, finding := range Assess(f).Findings {
			checkSentence(t, finding.Why)
		}
		if d := (Policy{RequireVerified: true}).Check(f); d.Action == Allow && d.Why != "" {
			t.Errorf("allowed, but %q", d.Why)
		} else if d.Action != Allow {
			checkSentence(t, d.Why)
		}
	}
}

func checkSentence(t *testing.T, why string) {
	t.Helper()
	if why == "" || !strings.HasSuffix(why, ".") || strings.ContainsAny(why, "\n\t") ||
		strings.Contains(why, "..") || strings.Contains(why, "  ") || strings.Contains(why, "unknown one") ||
		len(why) > 500 || strings.ToUpper(why[:1]) != why[:1] {
		t.Errorf("not a sentence: %q", why)
	}
}

// sampleFacts has good and empty facts with each field, and each pair of
// fields, changed.
func sampleFacts() (all []Facts) {
	for _, base := range []Facts{{}, {Offer: OfferRTP}, good()} {
		all = append(all, base)
		n := reflect.TypeFor[Facts]().NumField()
		for i := range n {
			for j := range n {
				f := base
				change(&f, i)
				change(&f, j)
				all = append(all, f)
			}
		}
	}
	return all
}

// change gives field i of the facts another value.
func change(f *Facts, i int) {
	v := reflect.ValueOf(f).Elem().Field(i)
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.String:
		others := map[string]string{
			"KeyAgreement": "X2M2", "Hash": "S256", "Cipher": "AES1", "AuthTag": "HS32", "SASType": "B32",
			"BestBefore": "X2M2", "ZRTPFailed": "no common hash", "VerifiedName": "alice", "VerifiedElsewhere": "alice",
		}
		v.SetString(others[reflect.TypeFor[Facts]().Field(i).Name])
	default:
		panic("a field of a kind that nobody thought of")
	}
}

// TestEveryFieldMatters: a fact that changes nothing, anywhere, is either not
// needed or not heeded.
func TestEveryFieldMatters(t *testing.T) {
	fields := reflect.TypeFor[Facts]()
	samples := sampleFacts()
	for i := range fields.NumField() {
		heeded := slices.ContainsFunc(samples, func(f Facts) bool {
			changed := f
			change(&changed, i)
			p := Policy{RequireVerified: true}
			return p.Check(f) != p.Check(changed) || !reflect.DeepEqual(Assess(f), Assess(changed))
		})
		if !heeded {
			t.Errorf("%s changes nothing", fields.Field(i).Name)
		}
	}
}

// badFacts can only make a call worse. (Secure, Known and the like are neither
// good nor bad by themselves.)
var badFacts = map[string]func(*Facts){
	"HashMismatch": func(f *Facts) { f.HashMismatch = true },
	"NoHello":      func(f *Facts) { f.NoHello = true },
	"ZRTPFailed":   func(f *Facts) { f.ZRTPFailed = "it failed" },
	"Mismatch":     func(f *Facts) { f.Mismatch = true },
	"SASDiffers":   func(f *Facts) { f.SASDiffers = true },
	"NameChanged":  func(f *Facts) { f.NameChanged = true },
	"Disclosed":    func(f *Facts) { f.Disclosed = true },
	"Voice":        func(f *Facts) { f.VoiceBeforeSecure++ },
	"SDES":         func(f *Facts) { f.Offer = OfferSDES },
	"DTLS":         func(f *Facts) { f.Offer = OfferDTLS },
	"NoAudio":      func(f *Facts) { f.Offer = OfferNoAudio },
	"DH2k":         func(f *Facts) { f.KeyAgreement = "DH2k" },
	"weaker":       func(f *Facts) { f.BestBefore = "X2M2" },
	"not compared": func(f *Facts) { f.Verified = false },
	"KeyFile":      func(f *Facts) { f.KeyFile = true },
	"ContactUser":  func(f *Facts) { f.ContactUser = true },
	"WeakDigest":   func(f *Facts) { f.WeakDigest = true },
}

// switches are the facts that decide; every combination of them is tried.
var switches = []func(*Facts, bool){
	func(f *Facts, on bool) { f.HashSignalled = on },
	func(f *Facts, on bool) { f.HashMatched = on },
	func(f *Facts, on bool) { f.HashMismatch = on },
	func(f *Facts, on bool) { f.NoHello = on },
	func(f *Facts, on bool) { f.Secure = on },
	func(f *Facts, on bool) { f.Known = on },
	func(f *Facts, on bool) { f.Continuity = on },
	func(f *Facts, on bool) { f.Mismatch = on },
	func(f *Facts, on bool) { f.MismatchResolved = on },
	func(f *Facts, on bool) { f.Verified = on },
	func(f *Facts, on bool) { f.SASDiffers = on },
	func(f *Facts, on bool) { f.NameChanged = on },
	func(f *Facts, on bool) { f.Disclosed = on },
}

// cosmetic facts change reasons, never verdicts.
var cosmetic = []func(*Facts){
	func(f *Facts) { f.Outgoing = !f.Outgoing },
	func(f *Facts) { f.PeerVerified = !f.PeerVerified },
	func(f *Facts) { f.DowngradeRefused = !f.DowngradeRefused },
	func(f *Facts) { f.SignallingTLS = !f.SignallingTLS },
	func(f *Facts) { f.Relay = !f.Relay },
	func(f *Facts) { f.KeyFile = !f.KeyFile },
	func(f *Facts) { f.ContactUser = !f.ContactUser },
	func(f *Facts) { f.WeakDigest = !f.WeakDigest },
	func(f *Facts) { f.Direct = !f.Direct },
}

// everyCombination calls try with all of them: the switches, and two offers.
func everyCombination(try func(Facts)) {
	for n := range 1 << len(switches) {
		for _, offer := range []MediaOffer{OfferUnknown, OfferRTP} {
			f := good()
			f.Offer = offer
			for i, set := range switches {
				set(&f, n>>i&1 == 1)
			}
			try(f)
		}
	}
}

var verdictRank = map[Verdict]int{Broken: 0, NotOffered: 1, Unconfirmed: 1, Held: 2}

// actionRank: the microphone nearer to open.
var actionRank = map[Action]int{Refuse: 0, Wait: 1, Allow: 2}

// result is what is compared of a call: verdicts without their reasons.
type result struct {
	private  bool
	verdicts [12]Verdict
	actions  [2]Action
}

func resultOf(f Facts) (r result) {
	report := Assess(f)
	r.private = report.Private
	for i, finding := range report.Findings {
		r.verdicts[i] = finding.Verdict
	}
	r.actions = [2]Action{Policy{}.Check(f).Action, Policy{RequireVerified: true}.Check(f).Action}
	return r
}

// better names what is better in b than in a, if anything is.
func better(a, b result) string {
	if b.private && !a.private {
		return "private"
	}
	for i := range a.verdicts {
		if verdictRank[b.verdicts[i]] > verdictRank[a.verdicts[i]] {
			return string(Promises()[i])
		}
	}
	for i := range a.actions {
		if actionRank[b.actions[i]] > actionRank[a.actions[i]] {
			return fmt.Sprint("policy ", i)
		}
	}
	return ""
}

// TestABadFactNeverHelps tries each bad fact on every combination.
func TestABadFactNeverHelps(t *testing.T) {
	everyCombination(func(f Facts) {
		before := resultOf(f)
		for name, spoil := range badFacts {
			worse := f
			spoil(&worse)
			if what := better(before, resultOf(worse)); what != "" {
				t.Fatalf("%s makes %s better: %+v", name, what, f)
			}
		}
	})
}

// TestAllowedIsPrivate: what opens the microphone, for every combination.
func TestAllowedIsPrivate(t *testing.T) {
	allowed := 0
	everyCombination(func(f Facts) {
		d, strict, r := Policy{}.Check(f), Policy{RequireVerified: true}.Check(f), Assess(f)
		if (d.Action == Allow) != r.Private {
			t.Fatalf("%v, and private is %v: %+v", d, r.Private, f)
		}
		if strict.Action == Allow && (d.Action != Allow || !f.Verified) {
			t.Fatalf("the stricter policy allows more: %+v", f)
		}
		if d.Action != Allow {
			return
		}
		allowed++
		unresolved := (f.Mismatch || f.NameChanged) && !f.MismatchResolved
		unhashed := f.HashMismatch || f.HashSignalled && !f.HashMatched
		if !f.Secure || unresolved || unhashed || f.NoHello || f.SASDiffers || f.Disclosed || f.Offer != OfferRTP {
			t.Fatalf("allowed: %+v", f)
		}
		for _, finding := range r.Findings {
			if finding.Verdict == Broken {
				t.Fatalf("allowed with %s broken: %+v", finding.Promise, f)
			}
		}
	})
	if allowed == 0 {
		t.Error("nothing was allowed at all")
	}
}

func TestCosmeticFactsChangeNoVerdict(t *testing.T) {
	for _, f := range sampleFacts() {
		want := resultOf(f)
		for i, change := range cosmetic {
			other := f
			change(&other)
			if got := resultOf(other); got != want {
				t.Errorf("cosmetic fact %d: %+v, want %+v, of %+v", i, got, want, f)
			}
		}
	}
}

func TestSpacesInNames(t *testing.T) {
	f := with(good(), func(f *Facts) { f.SASType = "B32 " })
	if d := (Policy{}).Check(f); d.Action != Allow {
		t.Errorf("the name as it is on the wire: %v", d)
	}
}

func TestStronger(t *testing.T) {
	for _, c := range []struct{ best, now, want string }{
		{"", "DH3k", "DH3k"},
		{"DH3k", "X255", "DH3k"},
		{"X255", "DH3k", "X255"},
		{"X255", "X2M2", "X2M2"},
		{"X255", "", "X255"},
		{"Z999", "X255", "Z999"},
		{"X255", "Z999", "X255"},
	} {
		if got := Stronger(c.best, c.now); got != c.want {
			t.Errorf("of %q and %q: %q", c.best, c.now, got)
		}
	}
}
