// Package alleyoop is the protocol of AlleyOop (Workflow): one URL, where the
// method and the header X-action say what is asked and all other values are
// headers too. Protocol facts are those of the description that Caseware gives
// of its coupling with AlleyOop.
package alleyoop
