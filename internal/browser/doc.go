// Package browser tests what people see, in a real browser: headless Chromium
// opens the pages of a real worker and of a site filled with every state, and
// looks at what a reader of the code cannot see. Does a page change by itself
// when a service dies? Is everything readable, in the light and in the dark, on
// a phone, by keyboard alone, without scripts? Does anything leave the machine?
//
// It holds nothing but tests. The one named Gallery leaves a picture of every
// page in the folder screenshots, for people to look at.
package browser
