// Package route is the table of endpoints: each says its method, its path, who
// may use it and what it does, so that one place guards them all, and a test
// and the API's description can walk through them.
package route

import (
	"net/http"

	"paramedic/internal/web/access"
)

// Route is one endpoint.
type Route struct {
	// Method is that of HTTP; GET answers HEAD as well.
	Method string
	// Pattern is a path pattern of http.ServeMux, without the method.
	Pattern string
	// Role is the least that the asker must have; access.Public lets anybody in.
	Role access.Role
	// Page is set where people look with a browser: errors are written as pages,
	// elsewhere as problem details.
	Page bool
	// AnyHost skips the check of the Host header. Load balancers send whatever
	// they like there, and such an endpoint tells nothing that matters.
	AnyHost bool
	// Stream is set where the answer goes on for as long as the client listens.
	Stream bool
	// BodyLimit bounds the request's body, in bytes; 0 means 64 kB.
	BodyLimit int64
	Handler   http.HandlerFunc
}
