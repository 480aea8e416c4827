package probe

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"time"
)

// earliest is the certificate that expires first.
func earliest(chain []*x509.Certificate) *x509.Certificate {
	first := chain[0]
	for _, certificate := range chain[1:] {
		if certificate.NotAfter.Before(first.NotAfter) {
			first = certificate
		}
	}
	return first
}

// lasting is the certificate that ends the chain which lasts the longest: when
// the others have ended, that one still verifies.
func lasting(chains [][]*x509.Certificate) *x509.Certificate {
	best := earliest(chains[0])
	for _, chain := range chains[1:] {
		if first := earliest(chain); first.NotAfter.After(best.NotAfter) {
			best = first
		}
	}
	return best
}

// validity says until when a server's certificate is valid, or that of its
// chain which expires before it.
func validity(own, first *x509.Certificate, now time.Time) string {
	which := "certificate of " + subjectOf(own)
	if first != own {
		which += fmt.Sprintf(": that of its issuer %s", subjectOf(first))
	}
	days := int(first.NotAfter.Sub(now).Hours() / 24)
	on := first.NotAfter.UTC().Format(time.DateOnly)
	switch {
	case now.Before(first.NotBefore):
		return fmt.Sprintf("%s is valid from %s to %s", which, first.NotBefore.UTC().Format(time.DateOnly), on)
	case now.After(first.NotAfter):
		return fmt.Sprintf("%s expired on %s, %s ago", which, on, daysWord(-days))
	default:
		return fmt.Sprintf("%s expires on %s, in %s", which, on, daysWord(days))
	}
}

func daysWord(days int) string {
	if days == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", days)
}

// subjectOf names a certificate: by its common name, or the first name that it
// is for, as many have no other.
func subjectOf(certificate *x509.Certificate) string {
	if name := nameOf(certificate.Subject); name != "" {
		return name
	}
	if names := namesIn(certificate); len(names) > 0 {
		return names[0]
	}
	return "number " + certificate.SerialNumber.String()
}

// nameOf is the common name, or all of the name where that has none.
func nameOf(name pkix.Name) string {
	if name.CommonName != "" {
		return name.CommonName
	}
	return name.String()
}

// namesIn are the host names and addresses that a certificate is for.
func namesIn(certificate *x509.Certificate) []string {
	names := append([]string{}, certificate.DNSNames...)
	for _, address := range certificate.IPAddresses {
		names = append(names, address.String())
	}
	return names
}
