package main

import (
	"crypto/x509"
	"net"
	"net/url"
	"sync"

	"golang.org/x/crypto/x509roots/fallback/bundle"
	"golang.org/x/net/http/httpproxy"
)

// trustKnownRoots brings CA roots where the rootfs has none, as that of the plugin.
// They take 0.7 MB, so it is called only by who may come to speak TLS.
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

// maySpeakTLS tells whether a request to a URL may meet a certificate: there, at a
// proxy of the environment or, if redirects are followed, where another host sends it.
func maySpeakTLS(u *url.URL, follows bool) bool {
	if u.Scheme == "https" {
		return true
	}
	if proxy, err := httpproxy.FromEnvironment().ProxyFunc()(u); err == nil && proxy != nil && proxy.Scheme == "https" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return follows && u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}
