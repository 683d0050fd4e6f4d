package test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// proxy stands between a station and an Alertmanager, and does what proxies do.
type proxy struct {
	*httptest.Server
	mode atomic.Pointer[func(w http.ResponseWriter, r *http.Request, next http.Handler)]
	// ahead is how far the clock of the Alertmanager's host is ahead.
	ahead atomic.Int64
	cert  atomic.Pointer[tls.Certificate]
}

type proxyMode = func(w http.ResponseWriter, r *http.Request, next http.Handler)

func passOn(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) }

// startProxy is a proxy for an Alertmanager, with TLS if there is a certificate.
func startProxy(t *testing.T, target string, cert *tls.Certificate) *proxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	p.set(passOn)
	p.cert.Store(cert)
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }, ModifyResponse: p.redate}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := p.shift(r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		(*p.mode.Load())(w, r, next)
	}))
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	if cert != nil {
		p.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{*p.cert.Load()}}, nil
		}}
		p.StartTLS()
	} else {
		p.Start()
	}
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) set(m proxyMode) { p.mode.Store(&m) }

// redate and shift make the Alertmanager behind the proxy one whose clock is off:
// its replies bear that clock's time, and what it is sent in that time it gets in
// the true one.
func (p *proxy) redate(res *http.Response) error {
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err == nil {
		res.Header.Set("Date", at.Add(time.Duration(p.ahead.Load())).UTC().Format(http.TimeFormat))
	}
	return nil
}

func (p *proxy) shift(r *http.Request) error {
	ahead := time.Duration(p.ahead.Load())
	if ahead == 0 || r.Method != http.MethodPost {
		return nil
	}
	var alerts []map[string]any
	if err := json.NewDecoder(r.Body).Decode(&alerts); err != nil {
		return err
	}
	for _, a := range alerts {
		for _, field := range []string{"startsAt", "endsAt"} {
			at, err := time.Parse(time.RFC3339, a[field].(string))
			if err != nil {
				return err
			}
			if !at.IsZero() {
				a[field] = at.Add(-ahead).Format(time.RFC3339Nano)
			}
		}
	}
	body, err := json.Marshal(alerts)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return err
}

// answers is a proxy that does not pass on.
func answers(code int) proxyMode {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		http.Error(w, http.StatusText(code), code)
	}
}

// silent accepts and never replies.
func silent(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice that the other side has gone
	<-r.Context().Done()
}

// slowly replies, when nobody expects it any more.
func slowly(w http.ResponseWriter, r *http.Request, next http.Handler) {
	time.Sleep(time.Second)
	next.ServeHTTP(w, r)
}

// narrow lets only small requests through.
func narrow(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.ContentLength > 300 {
		answers(http.StatusRequestEntityTooLarge)(w, r, next)
		return
	}
	next.ServeHTTP(w, r)
}

// authority signs certificates for the loopback address.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue makes a certificate that is good until a time.
func (a *authority) issue(until time.Time) *tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(until.UnixNano()), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

// transport trusts the authority.
func (a *authority) transport() *http.Transport {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
}
