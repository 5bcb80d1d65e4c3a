// openid-client registers itself, and prints what it was given.
import * as client from 'openid-client'

const [, , issuer, url, initialAccessToken, scope] = process.argv
const metadata = {
  client_name: 'It calls itself so',
  redirect_uris: [`${url}/callback`],
  post_logout_redirect_uris: [`${url}/`],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'client_secret_basic',
  scope
}
const options = { initialAccessToken, execute: [client.allowInsecureRequests] }
const config = await client.dynamicClientRegistration(
  new URL(issuer), metadata, undefined, options
)
console.log(JSON.stringify(config.clientMetadata()))
