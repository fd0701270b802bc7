package assay

// Policy is what the user demands of a call.
type Policy struct {
	RequireVerified bool
	// AllowProvider: the user said of this call that the provider may listen
	// (--allow provider). It takes keys, or fingerprints of keys, from the signalling,
	// and nothing worse.
	AllowProvider bool
	// AllowClear: the user said of this call that everyone on the way may listen
	// (--allow clear). Keys are asked for all the same.
	AllowClear bool
}

// Action is what a Decision asks for.
type Action int

// The actions. The zero value keeps the microphone closed.
const (
	Wait   Action = iota // keep it closed, and ask again when a fact changes
	Allow                // open it
	Refuse               // keep it closed, and end the call
)

func (a Action) String() string {
	switch a {
	case Wait:
		return "wait"
	case Allow:
		return "allow"
	case Refuse:
		return "refuse"
	}
	return "unknown"
}

// Decision about the microphone. Why is one sentence: on Refuse what happened
// and what can be done, on Wait what is waited for, on Allow nothing.
type Decision struct {
	Action Action
	Why    string
}

// Check decides whether the microphone may open. Only Allow opens it, and Allow
// is impossible unless keys are agreed and confirmed and no fault is present:
// what Check allows, Assess finds private. The one exception is a call that the
// user named as readable by the provider.
func (p Policy) Check(f Facts) Decision {
	if p.AllowProvider && (f.Offer == OfferSDES || f.Offer == OfferDTLS) {
		return checkReadable(f)
	}
	if p.MayClear(f) && f.InClear {
		return Decision{Action: Allow}
	}
	if x, found := decisive(f); found {
		if x.clearable && !p.unverified(f) {
			return Decision{Wait, x.why(f)}
		}
		return Decision{Refuse, x.why(f)}
	}
	switch {
	case !f.Secure:
		return Decision{Wait, "The two phones have not agreed on keys yet."}
	case f.Offer != OfferRTP:
		return Decision{Wait, "The other phone has not said yet what voice it can carry."}
	case p.unverified(f):
		return Decision{Refuse, "Only verified people may be talked to (--require-verified), and the code was never compared with this phone: call once without that demand and compare it."}
	}
	return Decision{Action: Allow}
}

// MayClear tells whether the voice may go without encryption: the user allowed it, and
// the other phone stayed silent when asked for keys that it had not announced. What
// was announced and does not come, somebody holds up.
func (p Policy) MayClear(f Facts) bool {
	if !p.AllowClear || p.RequireVerified || f.Offer != OfferRTP || !f.NoHello || f.HashSignalled || f.Secure {
		return false
	}
	f.NoHello = false
	_, found := worst(f)
	return !found
}

// checkReadable decides about a call whose keys the provider has. Readable by the
// provider is not readable by everyone: what fetches the keys must be encrypted.
func checkReadable(f Facts) Decision {
	for _, x := range faults {
		if x.offer != f.Offer && x.present(f) {
			return Decision{Refuse, x.why(f)}
		}
	}
	switch {
	case !f.SignallingTLS:
		return Decision{Refuse, "The way to your provider is not encrypted, so everyone on it could read the keys of this call: register with transport=tls."}
	case !f.ProviderKeys:
		return Decision{Wait, "The two phones have not exchanged keys yet."}
	}
	return Decision{Action: Allow}
}

// unverified: verified people only, and this is not one.
func (p Policy) unverified(f Facts) bool { return p.RequireVerified && f.Secure && !f.Verified }

// decisive returns the fault that decides: one that refuses before one that the
// user could still clear.
func decisive(f Facts) (fault, bool) {
	for _, x := range faults {
		if !x.clearable && x.present(f) {
			return x, true
		}
	}
	return worst(f)
}
