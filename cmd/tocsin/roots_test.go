package main

import (
	"crypto/x509"
	"net/url"
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

func TestMaySpeakTLS(t *testing.T) {
	for _, row := range []struct {
		url, proxy    string
		follows, want bool
	}{
		{"https://am:9093", "", false, true},
		{"http://am:9093", "", false, false},
		{"http://am:9093", "", true, true},
		{"http://am:9093", "https://proxy", false, true},
		{"http://am:9093", "http://proxy", false, false},
		{"http://127.0.0.1:9323/metrics", "https://proxy", true, false},
		{"http://localhost/metrics", "", true, false},
		{"http://[::1]/metrics", "", true, false},
		{"unix:///run/docker/metrics.sock", "", true, false},
	} {
		t.Setenv("HTTP_PROXY", row.proxy)
		u, err := url.Parse(row.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := maySpeakTLS(u, row.follows); got != row.want {
			t.Errorf("%s over %q, redirects followed: %t: %t, want %t", row.url, row.proxy, row.follows, got, row.want)
		}
	}
}
