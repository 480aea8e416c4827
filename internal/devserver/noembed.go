//go:build noembed

package devserver

import "context"

// Embedded tells whether this build holds the server.
const Embedded = false

// Start returns ErrNotEmbedded: this build has no server to start.
func Start(context.Context, Options) (*Server, error) { return nil, ErrNotEmbedded }
