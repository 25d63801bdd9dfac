/* The runtime that does nothing: what is measured in front of it is the cost of the wrapper alone.  */
int
main (void)
{
    return 0;
}
