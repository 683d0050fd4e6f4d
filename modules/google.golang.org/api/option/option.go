// Package option has the options that are given to a transport which refuses.
package option

import "golang.org/x/oauth2/google"

// ClientOption has no effect.
type ClientOption struct{}

// CredentialsType is of a file of credentials.
type CredentialsType string

// ServiceAccount is the only type that is asked for.
const ServiceAccount CredentialsType = "service_account"

// WithScopes has no effect.
func WithScopes(...string) ClientOption { return ClientOption{} }

// WithAuthCredentialsFile has no effect.
func WithAuthCredentialsFile(CredentialsType, string) ClientOption { return ClientOption{} }

// WithCredentials has no effect.
func WithCredentials(*google.Credentials) ClientOption { return ClientOption{} }
