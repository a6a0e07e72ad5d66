// Package graph speaks with Microsoft Graph as an application: tokens of Entra
// ID, pages of collections, rounds of delta queries, and errors that say what
// to do.
//
// Protocol facts are from Microsoft's own documentation
// (github.com/microsoftgraph/microsoft-graph-docs-contrib and
// github.com/MicrosoftDocs/entra-docs) unless a comment names another source.
package graph
