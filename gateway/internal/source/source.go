// Package source is from where a request comes, as the gateway says it to its own service of accounts, and as both count it.
package source

import "net/netip"

// Header is the metadata in which the gateway says from which address a client comes. It is believed, so the gateway sets it
// itself, whatever a client has sent.
const Header = "coso-source"

// Network is what counts as one source: an address, or the network of an IPv6 address, of which one machine, and a single
// attacker, has a whole one (RFC 6177). What is no address is a source of its own.
func Network(address string) string {
	at, err := netip.ParseAddr(address)
	if err != nil || !at.Unmap().Is6() {
		return address
	}
	of, err := at.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return of.String()
}
