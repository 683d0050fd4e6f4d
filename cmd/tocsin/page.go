package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/tocsin/tocsin/web"
)

// servePage serves API and page on LISTEN_ADDRESS. In the plugin a port that is taken is tried
// again for ever: alerting goes on without the page.
func servePage(s settings, handler *web.Handler, setFault func(string), log *slog.Logger, stop *stack) error {
	l, err := net.Listen("tcp", s.listenAddress)
	if err != nil {
		err = fmt.Errorf("setting LISTEN_ADDRESS (--web.listen-address) is %q: %w: is another process on that port? choose another, or off", s.listenAddress, err)
		if s.pluginSocket == "" {
			return err
		}
		setFault(err.Error())
		log.Error("no page, trying on", "err", err)
	}
	srv := handler.HTTPServer()
	open, end := context.WithCancel(context.Background())
	stop.push("page", shortDeadline, func(ctx context.Context) error {
		end()
		return errors.Join(srv.Shutdown(ctx), srv.Close())
	})
	go func() {
		for l == nil {
			if !wait(open, openRetry) {
				return
			}
			if l, err = net.Listen("tcp", s.listenAddress); err == nil {
				setFault("")
			}
		}
		log.Info("page", "url", s.scheme()+"://"+l.Addr().String()+"/")
		none, quiet := false, slog.New(slog.DiscardHandler) // it has no news, and returns its errors
		err := toolkit.Serve(l, srv, &toolkit.FlagConfig{WebSystemdSocket: &none, WebConfigFile: &s.webConfigFile}, quiet)
		if !errors.Is(err, http.ErrServerClosed) {
			log.Error("page ended", "err", err)
			setFault(err.Error())
		}
	}()
	return nil
}

// ServeHTTP answers who reads API and page on the plugin's socket, where whoever may
// dial it has more rights than any page gives.
func (d *daemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler := d.page.Load()
	if handler == nil {
		http.Error(w, "Tocsin is starting.", http.StatusServiceUnavailable)
		return
	}
	handler.ServeHTTP(w, r)
}

// externalURL is where links in alerts lead.
func (s settings) externalURL() *url.URL {
	host, port, err := net.SplitHostPort(s.listenAddress)
	if err != nil {
		return &url.URL{}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = hostname()
	}
	return &url.URL{Scheme: s.scheme(), Host: net.JoinHostPort(host, port)}
}

// hostnames are the names that this machine answers to. A name without dots, and
// one below .local, cannot be led here by somebody else's name server.
func (s settings) hostnames() []string {
	host := hostname()
	short, _, _ := strings.Cut(host, ".")
	names := []string{host, short, short + ".local"}
	if listen, _, err := net.SplitHostPort(s.listenAddress); err == nil && listen != "" {
		names = append(names, listen)
	}
	return names
}
