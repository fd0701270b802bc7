// Package locate finds the servers of a SIP domain (RFC 3263).
//
// [Servers] turns a name, and what the user said of transport and port, into
// servers in the order in which to try them: an explicit transport and port go
// before NAPTR records, these before SRV records, these before the addresses of
// the name itself. It is a function of what a [Resolver] answers; [Client] is
// the one that asks the DNS, and remembers the answers as long as they are good.
//
// TLS is a demand, never a preference: where a query accepts TLS only, a domain
// that offers nothing but clear transports is refused, and no address is asked
// for. It asks for nothing that is not needed: addresses when a server is about
// to be tried ([Client.Addrs]), other records only where the user left open what
// they tell.
//
// It does NOT validate DNSSEC. Nothing that it returns is trusted: the server's
// certificate is checked against the name that the user gave.
package locate
