package access

import (
	"net/http"
	"strings"

	"golang.org/x/text/language"
)

// Why somebody is not let in. They stand in logs.
const (
	reasonNobody    = "nothing shown"
	reasonToken     = "wrong token"
	reasonPassword  = "wrong password"
	reasonMalformed = "malformed credentials"
	reasonRole      = "role too low"
	reasonNoRole    = "no role"
	reasonRemote    = "not from this machine"
	reasonLimit     = "too many failures"
	reasonBusy      = "busy"
	reasonOrigin    = "another site"
	reasonProvider  = "provider not reached"
	reasonState     = "unknown log-in"
	reasonSignIn    = "sign-in failed"
	reasonSignedOut = "signed out"
)

// text is one notice: its title and what to do. {name} and {role} stand for
// the person and for the role that is needed.
type text struct{ title, body string }

var texts = map[string]map[string]text{
	"en": {
		reasonNobody:    {"Sign in", "Sign in to see this."},
		reasonToken:     {"Not let in", "This token is not known. Check it, or ask for a new one."},
		reasonPassword:  {"Not let in", "Name and password do not match. Check them and try again."},
		reasonMalformed: {"Not let in", "The Authorization header cannot be read. Send a bearer token, or a name and password."},
		reasonRole:      {"Not allowed", "{name} may not do this; it needs the role {role}."},
		reasonNoRole:    {"Not allowed", "You are signed in as {name}, who has no role here. Ask an administrator for one, then sign in again."},
		reasonRemote:    {"Not let in", "Nobody is configured to come in from another machine. Configure http.access."},
		reasonLimit:     {"Too many failures", "There were too many failed log-ins. Wait a moment, then try again."},
		reasonBusy:      {"Busy", "Too many people are logging in. Wait a moment, then try again."},
		reasonOrigin:    {"Not done", "This change was asked for by another site. Make it from paramedic's own pages."},
		reasonProvider:  {"Sign-in is down", "The place where people sign in cannot be reached. Try again in a moment; services are still being watched."},
		reasonState:     {"Sign in again", "This sign-in has expired, was used before, or was begun in another browser."},
		reasonSignIn:    {"Not signed in", "The sign-in failed; the log says why. Try again."},
		reasonSignedOut: {"Signed out", "You are signed out of paramedic."},
	},
	"es": {
		reasonNobody:    {"Iniciar sesión", "Inicie sesión para ver esto."},
		reasonToken:     {"Sin acceso", "Este token no se conoce. Compruébelo o pida uno nuevo."},
		reasonPassword:  {"Sin acceso", "El nombre y la contraseña no coinciden. Compruébelos e inténtelo de nuevo."},
		reasonMalformed: {"Sin acceso", "La cabecera Authorization no se puede leer. Envíe un token, o un nombre y una contraseña."},
		reasonRole:      {"Sin permiso", "{name} no puede hacer esto; hace falta el rol {role}."},
		reasonNoRole:    {"Sin permiso", "Ha iniciado sesión como {name}, que aquí no tiene ningún rol. Pida uno a un administrador e inicie sesión de nuevo."},
		reasonRemote:    {"Sin acceso", "No está configurado que alguien entre desde otra máquina. Configure http.access."},
		reasonLimit:     {"Demasiados fallos", "Hubo demasiados intentos fallidos. Espere un momento e inténtelo de nuevo."},
		reasonBusy:      {"Ocupado", "Demasiadas personas están iniciando sesión. Espere un momento e inténtelo de nuevo."},
		reasonOrigin:    {"No se hizo", "Este cambio lo pidió otro sitio. Hágalo desde las páginas de paramedic."},
		reasonProvider:  {"No se puede iniciar sesión", "No se llega al lugar donde se inicia sesión. Inténtelo de nuevo en un momento; los servicios se siguen vigilando."},
		reasonState:     {"Inicie sesión de nuevo", "Este inicio de sesión ha caducado, ya se usó o se empezó en otro navegador."},
		reasonSignIn:    {"Sesión no iniciada", "No se pudo iniciar sesión; el registro dice por qué. Inténtelo de nuevo."},
		reasonSignedOut: {"Sesión cerrada", "Ha cerrado su sesión en paramedic."},
	},
}

// The words of links.
const (
	wordHome = iota
	wordSignIn
	wordPassword
)

var words = map[string][]string{
	"en": {wordHome: "To the overview", wordSignIn: "Sign in", wordPassword: "Sign in with a password"},
	"es": {wordHome: "Ir al resumen", wordSignIn: "Iniciar sesión", wordPassword: "Iniciar sesión con contraseña"},
}

func titleOf(lang, reason string) string { return texts[lang][reason].title }

func word(lang string, which int) string { return words[lang][which] }

// sentence is what somebody is told.
func sentence(lang, reason string, id Identity, needed Role) string {
	return strings.NewReplacer("{name}", id.Name, "{role}", needed.String()).Replace(texts[lang][reason].body)
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.Spanish})

// languageOf is the language of the person behind r, "en" or "es": the one that
// was chosen on the pages, or else the best that the browser accepts.
func languageOf(r *http.Request) string {
	if chosen, err := r.Cookie("language"); err == nil && texts[chosen.Value] != nil {
		return chosen.Value
	}
	if _, i := language.MatchStrings(matcher, r.Header.Get("Accept-Language")); i == 1 {
		return "es"
	}
	return "en"
}
