package notify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/config"
)

// authority is a certificate authority of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

// issue writes a certificate for 127.0.0.1 and its key, and the authority's.
func (a authority) issue(t *testing.T, dir string) (cert, key, ca string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "EC PRIVATE KEY", raw), write("ca.pem", "CERTIFICATE", a.cert.Raw)
}

// receiver is a real server that takes alerts in.
type receiver struct {
	*httptest.Server
	posts chan *http.Request
}

func newReceiver(t *testing.T, wrap func(http.Handler) http.Handler) *receiver {
	t.Helper()
	r := &receiver{posts: make(chan *http.Request, 100)}
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodPost {
			http.NotFound(w, req)
			return
		}
		var alerts []any
		if err := json.NewDecoder(req.Body).Decode(&alerts); err != nil || len(alerts) == 0 {
			http.Error(w, "no alerts", http.StatusInternalServerError)
			return
		}
		r.posts <- req
	})
	if wrap != nil {
		h = wrap(h)
	}
	r.Server = httptest.NewUnstartedServer(h)
	r.EnableHTTP2 = true
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) address() string { return r.Listener.Addr().String() }

// run starts a Notifier without settings over real connections.
func run(t *testing.T, cfg config.AlertingConfig) *Notifier {
	t.Helper()
	n, err := New(Options{MaxBackoff: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	configure(t, n, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return n
}

// await waits for what comes; the limit is for a test that hangs.
func await[T any](t *testing.T, c <-chan T, what string) (x T) {
	t.Helper()
	select {
	case x = <-c:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: nothing has come", what)
	}
	return x
}

// until looks again and again; the limit is for a test that hangs.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not so", what)
		}
	}
}

// TestTLSFiles: certificates are read from their files, and read again when those have
// changed: the authority, the server and the client are exchanged while alerts wait.
func TestTLSFiles(t *testing.T) {
	dir := t.TempDir()
	first := newAuthority(t)
	cert, key, ca := first.issue(t, dir)
	r := newReceiver(t, nil)
	pool := x509.NewCertPool()
	pool.AddCert(first.cert)
	r.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	r.TLS.Certificates = []tls.Certificate{pair}
	r.StartTLS()
	address := r.address()
	n := run(t, alerting(t, fmt.Sprintf(`
  alertmanagers:
  - scheme: https
    static_configs: [{targets: [%q]}]
    tls_config: {ca_file: %q, cert_file: %q, key_file: %q}
`, address, ca, cert, key)))
	n.Send(all(began("A")))
	if req := await(t, r.posts, "over TLS"); req.ProtoMajor != 2 || len(req.TLS.PeerCertificates) != 1 {
		t.Errorf("spoke %s, with %d certificates", req.Proto, len(req.TLS.PeerCertificates))
	}
	r.Close()

	second := newAuthority(t)
	elsewhere := t.TempDir()
	cert2, key2, ca2 := second.issue(t, elsewhere)
	again := newReceiver(t, nil)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	again.Listener.Close()
	again.Listener = l
	pool = x509.NewCertPool()
	pool.AddCert(second.cert)
	if pair, err = tls.LoadX509KeyPair(cert2, key2); err != nil {
		t.Fatal(err)
	}
	again.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, Certificates: []tls.Certificate{pair}}
	again.StartTLS()
	n.Send(all(began("B")))
	until(t, "the new authority is refused", func() bool { return strings.Contains(n.Status()[0].LastError, "certificate") })
	for from, to := range map[string]string{cert2: cert, key2: key, ca2: ca} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	await(t, again.posts, "after the files have changed")
}

// TestCredentials: each kind arrives, those of files as the files are at the time, and
// none is shown, not even where a server repeats the request.
func TestCredentials(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("first-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if user, password, _ := req.BasicAuth(); user != "id" || password != "hush-hush" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "not "+user+":"+password)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"granted","token_type":"Bearer","expires_in":3600}`)
	}))
	defer tokens.Close()
	for name, tc := range map[string]struct{ config, header, want string }{
		"basic":  {"basic_auth: {username: me, password: open-sesame}", "Authorization", "Basic bWU6b3Blbi1zZXNhbWU="},
		"bearer": {"authorization: {credentials_file: " + token + "}", "Authorization", "Bearer first-token"},
		"oauth2": {"oauth2: {client_id: id, client_secret: hush-hush, token_url: " + tokens.URL + "}", "Authorization", "Bearer granted"},
		"header": {"http_headers: {X-Key: {secrets: [very-secret]}}", "X-Key", "very-secret"},
	} {
		t.Run(name, func(t *testing.T) {
			refuse := make(chan bool, 1)
			refuse <- true
			r := newReceiver(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if req.Method == http.MethodPost && len(refuse) > 0 {
						w.WriteHeader(http.StatusForbidden)
						fmt.Fprintf(w, "you sent %v", req.Header)
						return
					}
					next.ServeHTTP(w, req)
				})
			})
			r.Start()
			n := run(t, alerting(t, fmt.Sprintf("\n  alertmanagers:\n  - static_configs: [{targets: [%q]}]\n    %s\n", r.address(), tc.config)))
			n.Send(all(began("A")))
			until(t, "refused", func() bool { return n.Status()[0].LastError != "" })
			if got := n.Status()[0].LastError; !strings.Contains(got, "you sent") || name != "oauth2" && !strings.Contains(got, redacted) {
				t.Errorf("the error is %q", got)
			}
			for _, secret := range []string{"open-sesame", "bWU6b3Blbi1zZXNhbWU", "first-token", "hush-hush", "very-secret"} {
				if shown := fmt.Sprintf("%+v", n.Status()); strings.Contains(shown, secret) {
					t.Errorf("%s is shown: %s", secret, shown)
				}
			}
			<-refuse
			if got := await(t, r.posts, "accepted").Header.Get(tc.header); got != tc.want {
				t.Errorf("%s: %q, want %q", tc.header, got, tc.want)
			}
			if name != "bearer" {
				return
			}
			if err := os.WriteFile(token, []byte("second-token"), 0o600); err != nil {
				t.Fatal(err)
			}
			n.Send(all(began("B")))
			if got := await(t, r.posts, "with another token").Header.Get("Authorization"); got != "Bearer second-token" {
				t.Errorf("after the file has changed: %q", got)
			}
		})
	}
}

// TestOAuth2Refused: what the token endpoint says is shown, but for the secret.
func TestOAuth2Refused(t *testing.T) {
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, password, _ := req.BasicAuth()
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "no client "+user+":"+password)
	}))
	defer tokens.Close()
	r := newReceiver(t, nil)
	r.Start()
	n := run(t, alerting(t, fmt.Sprintf("\n  alertmanagers:\n  - static_configs: [{targets: [%q]}]\n    oauth2: {client_id: id, client_secret: hush-hush, token_url: %q}\n", r.address(), tokens.URL)))
	n.Send(all(began("A")))
	until(t, "refused", func() bool { return n.Status()[0].LastError != "" })
	if got := n.Status()[0].LastError; !strings.Contains(got, "no client") || strings.Contains(got, "hush") {
		t.Errorf("the error is %q", got)
	}
	if len(r.posts) != 0 {
		t.Error("posted without a token")
	}
}

// TestRedirects: one that asks for the same request is followed if the configuration
// says so, and no other counts as delivered.
func TestRedirects(t *testing.T) {
	for _, tc := range []struct {
		code              int
		follow, delivered bool
	}{
		{http.StatusPermanentRedirect, true, true},
		{http.StatusTemporaryRedirect, true, true},
		{http.StatusPermanentRedirect, false, false},
		{http.StatusFound, true, false},
		{http.StatusMovedPermanently, true, false},
		{http.StatusSeeOther, true, false},
	} {
		t.Run(fmt.Sprint(tc.code, tc.follow), func(t *testing.T) {
			there := newReceiver(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if req.Method == http.MethodGet {
						return // 200, as of a login page
					}
					next.ServeHTTP(w, req)
				})
			})
			there.Start()
			here := newReceiver(t, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					http.Redirect(w, req, there.URL+req.URL.Path, tc.code)
				})
			})
			here.Start()
			n := run(t, alerting(t, fmt.Sprintf("\n  alertmanagers:\n  - static_configs: [{targets: [%q]}]\n    follow_redirects: %t\n", here.address(), tc.follow)))
			n.Send(all(began("A")))
			if tc.delivered {
				if got := await(t, there.posts, "redirected").URL.Path; got != "/api/v2/alerts" {
					t.Errorf("posted to %s", got)
				}
				return
			}
			until(t, "failed twice", func() bool { return n.Status()[0].Failures > 1 })
			if st := n.Status()[0]; st.Sent != 0 || st.Pending != 1 || !strings.Contains(st.LastError, fmt.Sprint(tc.code)) || len(there.posts) > 0 {
				t.Errorf("status: %+v", st)
			}
		})
	}
}

// TestProxy: requests go by way of the proxy of the configuration.
func TestProxy(t *testing.T) {
	asked := make(chan string, 100)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked <- req.URL.String()
	}))
	defer proxy.Close()
	n := run(t, alerting(t, "\n  alertmanagers:\n  - static_configs: [{targets: [am.invalid]}]\n    proxy_url: "+proxy.URL+"\n"))
	n.Send(all(began("A")))
	for _, want := range []string{"http://am.invalid/api/v2/status", "http://am.invalid/api/v2/alerts"} {
		if got := await(t, asked, "by the proxy"); got != want {
			t.Errorf("the proxy was asked for %s, want %s", got, want)
		}
	}
}
