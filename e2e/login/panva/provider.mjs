// A certified OpenID provider for the browser tests: two pages (sign in,
// consent), code with PKCE, device flow without an interval. Everybody is who
// they say they are. It prints its issuer in one line and ends with its
// standard input.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const client = {
  client_id: 'sigstore',
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  redirect_uris: ['http://127.0.0.1/callback'],
  response_types: ['code'],
  grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
};

function account(_, id) {
  return { accountId: id, claims: async () => ({ sub: id, email: id, email_verified: true }) };
}

// The pages of the library ask for a font of a third party, and have no icon.
async function quietly(ctx, next) {
  if (ctx.path === '/favicon.ico') {
    ctx.status = 204;
    return;
  }
  await next();
  if (typeof ctx.body === 'string') ctx.body = ctx.body.replaceAll(/@import url\([^)]*\);?/g, '');
}

let handle;
const server = createServer((request, response) => handle(request, response));
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [client],
    findAccount: account,
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    cookies: { keys: ['only for tests'] },
    features: { devInteractions: { enabled: true }, deviceFlow: { enabled: true } },
  });
  provider.use(quietly);
  handle = provider.callback();
  console.log(issuer);
});
process.stdin.resume().on('end', () => process.exit(0));
