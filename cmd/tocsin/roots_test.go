package main

import (
	"crypto/x509"
	"testing"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// TestKnownRoots: each root that has no end of its own is trusted.
func TestKnownRoots(t *testing.T) {
	pool, n := knownRoots(), 0
	for root := range bundle.Roots() {
		cert, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if root.Constraint != nil {
			continue
		}
		n++
		at := cert.NotBefore.Add(time.Hour)
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Errorf("%s: %v", cert.Subject, err)
		}
	}
	if n == 0 {
		t.Error("no roots")
	}
}
