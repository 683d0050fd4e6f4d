package main

import (
	"errors"
	"fmt"
	"net"
	"os"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v3"
)

// listenSetting is where the page listens.
const listenSetting = "LISTEN_ADDRESS"

// errExposed: whoever reaches the address could read all that Tocsin knows.
var errExposed = errors.New("others than this machine can reach it, and nobody is asked for a password: " +
	"name a file with basic_auth_users in WEB_CONFIG_FILE (--web.config.file), or listen on 127.0.0.1, " +
	"or set WEB_ALLOW_UNPROTECTED=on (--web.allow-unprotected) where the network itself is protected")

// checkExposure refuses an address beyond this machine without a password before it.
func (s settings) checkExposure() error {
	if s.listenAddress == "" || s.allowUnprotected || onlyLoopback(s.listenAddress) {
		return nil
	}
	c, err := readWebConfig(s.webConfigFile)
	if err != nil {
		return err
	}
	if !c.asksWho() {
		return errExposed
	}
	return nil
}

// onlyLoopback tells whether nothing but this machine reaches an address. What a
// name stands for may change, so of names only localhost does.
func onlyLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// webConfig is what matters here of a file in exporter-toolkit's format.
type webConfig struct {
	TLS struct {
		Cert       string `yaml:"cert"`
		CertFile   string `yaml:"cert_file"`
		ClientAuth string `yaml:"client_auth_type"`
	} `yaml:"tls_server_config"`
	Users map[string]string `yaml:"basic_auth_users"`
}

// readWebConfig reads a file; without one nothing is set.
func readWebConfig(path string) (c webConfig, err error) {
	if path == "" {
		return c, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := yaml.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// asksWho tells whether only those are let in who have a password or a certificate.
// TLS alone lets in everybody.
func (c webConfig) asksWho() bool {
	return len(c.Users) > 0 || c.TLS.ClientAuth == "RequireAndVerifyClientCert"
}

// scheme is that of the page's address. A file that cannot be read keeps the page off.
func (s settings) scheme() string {
	if c, err := readWebConfig(s.webConfigFile); err == nil && (c.TLS.Cert != "" || c.TLS.CertFile != "") {
		return "https"
	}
	return "http"
}

// checkWebConfig is the toolkit's verdict on a file, which it would else give when
// the page starts, and with each request.
func checkWebConfig(path string) error {
	if err := toolkit.Validate(path); err != nil {
		return fmt.Errorf("expected a file in the exporter-toolkit's format: %w", err)
	}
	return nil
}
