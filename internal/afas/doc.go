// Package afas speaks with the REST services of AFAS Profit: GetConnectors that
// give rows, UpdateConnectors that take records, and metainfo that describes
// both.
//
// Protocol facts are from AFAS's own documentation
// (github.com/AFASSoftware/OASContent: get-connector, update-connector,
// authentication, troubleshooting and the OpenAPI files) unless a comment names
// another source.
package afas
