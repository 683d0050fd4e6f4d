package main

import (
	"crypto/x509"
	"sync"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// trustKnownRoots brings CA roots where the rootfs has none, as that of the plugin.
// They take 0.7 MB, so it is called only by who is about to speak TLS.
var trustKnownRoots = sync.OnceFunc(func() { x509.SetFallbackRoots(knownRoots()) })

func knownRoots() *x509.CertPool {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		cert, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			panic(err) // in the bundle, and tested
		}
		if root.Constraint != nil {
			pool.AddCertWithConstraint(cert, root.Constraint)
		} else {
			pool.AddCert(cert)
		}
	}
	return pool
}
