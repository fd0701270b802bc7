package assay

// Stronger returns the better of two key agreements, by their ZRTP names: what
// is remembered as the best ever used with a phone. An empty name is none. A
// name that is not known was stored by a newer Karat, and stays.
func Stronger(best, now string) string {
	if best == "" || find(keyAgreements, best) >= 0 && find(keyAgreements, now) > find(keyAgreements, best) {
		return now
	}
	return best
}
