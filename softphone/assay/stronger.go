package assay

// Stronger returns the better of two key agreements, by their ZRTP names: what
// is remembered as the best ever used with a phone. Of two equally strong ones the
// first stays. An empty name is none. A
// name that is not known was stored by a newer Karat, and stays.
func Stronger(best, now string) string {
	if best == "" || class(best) > 0 && class(now) > class(best) {
		return now
	}
	return best
}
