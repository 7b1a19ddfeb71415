/* For LD_PRELOAD: a resolver whose servers do not answer. */
#include <netdb.h>
#include <unistd.h>

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **found)
{
    sleep(120);
    return EAI_AGAIN;
}
